import { isIPv6 } from "node:net"
import { usageError, type SetupStep } from "alcides"

/**
 * Makes `docker` work with a host over TCP with TLS; `writeDockerKey` writes the keys. Throws `docker-host-invalid`.
 *
 * Upstream: https://docs.hercules-ci.com/hercules-ci-effects/reference/bash-functions/usedockerhost
 */
export function useDockerHost(host: string, port = 2376): SetupStep<never> {
  if (!(isIPv6(host) || /^[\w.-]+$/.test(host)) || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw usageError({
      code: "docker-host-invalid",
      message: `useDockerHost: ${JSON.stringify(host)} and ${port} are no host name and port`,
      hint: 'write the bare name: useDockerHost("docker.example.com", 2376)',
    })
  }
  const address = `tcp://${isIPv6(host) ? `[${host}]` : host}:${port}`
  return {
    description: `use the Docker host ${address}`,
    secrets: [],
    run(context) {
      context.setEnv("DOCKER_HOST", address)
      context.setEnv("DOCKER_TLS_VERIFY", "1")
    },
  }
}
