# Where the machines are: in the cloud of the NixOps stand-in, which takes AWS credentials, and prints them as carelessly as some
# programs do. With the real NixOps, targetEnv is "ec2" and the options are those of deployment.ec2.
let
  inTheCloud = {
    deployment.targetEnv = "stand-in";
    deployment.standIn.profile = "default";
    deployment.standIn.printsCredentials = true;
  };
in
{
  database = inTheCloud;
  web = inTheCloud;
}
