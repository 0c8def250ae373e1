export type CephPlace = {
  readonly folder: string
  readonly fsid: string
  /** Where the gateway speaks S3. */
  readonly port: number
  readonly monPort: number
  /** The lowest of the ports from which the storage daemon picks its four. */
  readonly osdPort: number
  /** Where a Ceph that is only unpacked has its plug-ins. Default: Debian's place. */
  readonly libraries: string | undefined
}

/** How many ports the storage daemon may pick from. */
export const osdPorts = 40

/**
 * One monitor, one storage daemon in memory and one S3 gateway, on loopback and quick to start.
 * See https://docs.ceph.com/en/pacific/rados/configuration/ and https://docs.ceph.com/en/pacific/radosgw/config-ref/.
 */
export function cephConfig({ folder, fsid, port, monPort, osdPort, libraries }: CephPlace): string {
  const plugins =
    libraries === undefined
      ? {}
      : {
          "plugin dir": `${libraries}/ceph`,
          "erasure code dir": `${libraries}/ceph/erasure-code`,
          "osd class dir": `${libraries}/rados-classes`,
        }
  return [
    section("global", {
      fsid,
      "mon initial members": "a",
      "mon host": `v2:127.0.0.1:${monPort}`,
      "public addr": "127.0.0.1",
      "cluster addr": "127.0.0.1",
      "ms bind msgr1": false,
      "ms bind ipv6": false,
      "ms bind port min": osdPort,
      "ms bind port max": osdPort + osdPorts - 1,
      "auth cluster required": "none",
      "auth service required": "none",
      "auth client required": "none",
      "run dir": folder,
      "crash dir": folder,
      "log file": `${folder}/$name.log`,
      "pid file": `${folder}/$name.pid`,
      "admin socket": "",
      // Without it a request that was lost while the daemons meet waits five seconds for the next tick.
      "objecter tick interval": 0.3,
      "mon client hunt interval": 0.5,
      "osd pool default size": 1,
      "osd pool default min size": 1,
      "osd pool default pg num": 4,
      "osd pool default pgp num": 4,
      "osd pool default pg autoscale mode": "off",
      "osd crush chooseleaf type": 0,
      "mon allow pool size one": true,
      "mon max pg per osd": 2000,
      "mon osd min in ratio": 0,
      ...plugins,
    }),
    section("mon.a", {
      "mon data": `${folder}/mon`,
      // A disk that is nearly full must not stop a test.
      "mon data avail crit": 1,
      "mon cluster log file": `${folder}/cluster.log`,
      "paxos propose interval": 0.05,
      "paxos min wait": 0.01,
      "mon election timeout": 1,
    }),
    section("osd", {
      "osd data": `${folder}/osd`,
      "osd objectstore": "memstore",
      "memstore device bytes": 4 * 1024 ** 3,
    }),
    section("client.rgw", {
      // The gateway's default, "secure", needs the authentication that is switched off here.
      "ms mon client mode": "crc",
      "rgw data": folder,
      "rgw frontends": `beast endpoint=127.0.0.1:${port} tcp_nodelay=1`,
      "rgw relaxed s3 bucket names": true,
      "rgw thread pool size": 64,
      "rgw run sync thread": false,
      "rgw enable ops log": false,
      "rgw enable usage log": false,
      "rgw dynamic resharding": false,
      "rgw override bucket index max shards": 1,
      "rgw gc max objs": 4,
      "rgw lc max objs": 4,
      "rgw data log num shards": 1,
      "rgw md log max shards": 1,
      "rgw num rados handles": 1,
      // Temporary credentials, too. The server's own users come first: else it no longer tells an unknown key from a wrong secret.
      "rgw sts key": "sixteen-letters!",
      "rgw s3 auth use sts": true,
      "rgw s3 auth order": "local, sts",
    }),
  ].join("\n")
}

function section(name: string, settings: Readonly<Record<string, string | number | boolean>>): string {
  return [`[${name}]`, ...Object.entries(settings).map(([key, value]) => `${key} = ${value}`), ""].join("\n")
}
