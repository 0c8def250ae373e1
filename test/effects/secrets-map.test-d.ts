import { expectTypeOf, test } from "vitest"
import * as z from "zod"
import * as mini from "zod/mini"
import { mkEffect, type Secret, type SetupStep } from "alcides"
import {
  readSecretJSON,
  readSecretString,
  useDockerHost,
  writeAWSSecret,
  writeDockerKey,
  writeGitToken,
  writeGPGKey,
  writeSSHKey,
} from "alcides/effects"

test("a step carries the name of its secret in its type", () => {
  expectTypeOf(writeAWSSecret()).toEqualTypeOf<SetupStep<"aws">>()
  expectTypeOf(writeAWSSecret("prod", "default")).toEqualTypeOf<SetupStep<"prod">>()
  expectTypeOf(writeSSHKey()).toEqualTypeOf<SetupStep<"ssh">>()
  expectTypeOf(writeGPGKey("signing")).toEqualTypeOf<SetupStep<"signing">>()
  expectTypeOf(writeDockerKey()).toEqualTypeOf<SetupStep<"docker">>()
  expectTypeOf(writeGitToken("git", { host: "gitlab.com" })).toEqualTypeOf<SetupStep<"git">>()
  expectTypeOf(useDockerHost("host")).toEqualTypeOf<SetupStep<never>>()
})

test("steps fit an effect whose secretsMap has their names", () => {
  mkEffect({
    name: "deploy",
    secretsMap: { aws: "neat-aws", deploy: "neat-ssh", git: { type: "GitToken" }, docker: "d" },
    userSetup: [
      writeAWSSecret(),
      writeAWSSecret("aws", "second"),
      writeSSHKey("deploy", "~/.ssh/id_ed25519"),
      writeGitToken("git"),
      writeDockerKey(),
      useDockerHost("docker.example.com"),
    ],
    effect: (context) => {
      expectTypeOf(readSecretString(context, "aws", "aws_access_key_id")).toEqualTypeOf<Secret>()
      expectTypeOf(readSecretJSON(context, "git", z.object({ token: z.string() }))).toEqualTypeOf<
        Secret<{ token: string }>
      >()
      expectTypeOf(readSecretJSON(context, "git", mini.object({ token: mini.string() }))).toEqualTypeOf<
        Secret<{ token: string }>
      >()
    },
  })
})

test("a name that is not in the secretsMap does not compile", () => {
  mkEffect({
    name: "deploy",
    secretsMap: { aws: "neat-aws" },
    userSetup: [
      writeAWSSecret("aws"),
      // @ts-expect-error "awz" is no key of secretsMap
      writeAWSSecret("awz", "default"),
      // @ts-expect-error "ssh" is no key of secretsMap
      writeSSHKey(),
      // @ts-expect-error "gpg" is no key of secretsMap
      writeGPGKey(),
      // @ts-expect-error "docker" is no key of secretsMap
      writeDockerKey(),
      // @ts-expect-error "git" is no key of secretsMap
      writeGitToken("git"),
    ],
    effect: (context) => {
      // @ts-expect-error "awz" is no key of secretsMap
      readSecretString(context, "awz", "token")
      // @ts-expect-error "awz" is no key of secretsMap
      readSecretJSON(context, "awz", z.unknown())
    },
  })
})

test("without a secretsMap there is no secret to name", () => {
  mkEffect({
    name: "deploy",
    userSetup: [
      useDockerHost("docker.example.com"),
      // @ts-expect-error there is no secretsMap
      writeAWSSecret("aws"),
    ],
    effect: () => {},
  })
})
