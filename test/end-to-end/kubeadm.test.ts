import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { type ControlPlaneFiles, initializeControlPlane } from "./support/control-plane-files.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { findKubernetesProgram } from "./support/kubernetes-programs.ts";
import { showCertificate } from "./support/openssl-certificate.ts";

jest.setTimeout(180_000);

/** Of nobody (RFC 5737); kubeadm refuses loopback. */
const ADDRESS = "192.0.2.10";

const kubeadm = findKubernetesProgram("kubeadm");
const describeWithKubeadm = kubeadm === undefined ? describe.skip : describe;

const LEAVES = ["apiserver", "apiserver-kubelet-client", "apiserver-etcd-client", "front-proxy-client"].concat(
  ["etcd/server", "etcd/peer", "etcd/healthcheck-client"],
  ["admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf", "kubelet.conf"],
);

describeWithKubeadm("kubeadm, if KUBEBUILDER_ASSETS has it", () => {
  let ours: ControlPlaneFiles;
  const run = (args: readonly string[]): string =>
    execFileSync(kubeadm ?? "", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

  beforeAll(async () => {
    ours = await initializeControlPlane(temporaryDirectory(), ["--apiserver-advertise-address", ADDRESS]);
  });

  function configure(pki: string): string {
    const path = join(temporaryDirectory(), "kubeadm.yaml");
    const init = {
      ...{ apiVersion: "kubeadm.k8s.io/v1beta4", kind: "InitConfiguration" },
      localAPIEndpoint: { advertiseAddress: ADDRESS, bindPort: 6443 },
      nodeRegistration: { name: "cp-1", criSocket: "unix:///nowhere" },
    };
    const cluster = {
      ...{ apiVersion: "kubeadm.k8s.io/v1beta4", kind: "ClusterConfiguration" },
      ...{ kubernetesVersion: "v1.36.2", certificatesDir: pki },
    };
    writeFileSync(path, `${JSON.stringify(init)}\n---\n${JSON.stringify(cluster)}\n`);
    return path;
  }

  function makeAll(directory: string): string {
    const config = configure(join(directory, "pki"));
    const certificates = run(["init", "phase", "certs", "all", "--config", config]);
    return (
      certificates + run(["init", "phase", "kubeconfig", "all", "--kubeconfig-dir", directory, "--config", config])
    );
  }

  function digests(directory: string): readonly string[] {
    const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
    const paths = names.map((name) => join(directory, name)).filter((path) => statSync(path).isFile());
    return paths.map((path) => createHash("sha256").update(readFileSync(path)).digest("hex"));
  }

  test("takes everything over and changes nothing", () => {
    const before = digests(ours.directory);
    const printed = makeAll(ours.directory);
    expect(printed.match(/Using (the )?existing/g)).toHaveLength(11 + 5);
    expect(digests(ours.directory)).toEqual(before);
  });

  test("tells the expiry that we tell", async () => {
    const args = [
      "certs",
      "check-expiration",
      "--cert-dir",
      ours.file(""),
      "-o",
      "json",
      "--config",
      configure(ours.file("")),
    ];
    const found = JSON.parse(run(args));
    expect(found.certificates.filter(({ missing }: { missing: boolean }) => !missing)).toHaveLength(7);
    expect(found.certificateAuthorities.map(({ name }: { name: string }) => name)).toEqual([
      "ca",
      "etcd-ca",
      "front-proxy-ca",
    ]);
  });

  describe("beside what it makes itself", () => {
    const theirs = { directory: "" };
    beforeAll(() => {
      theirs.directory = join(temporaryDirectory(), "kubernetes");
      mkdirSync(theirs.directory);
      makeAll(theirs.directory);
    });

    const certificateOf = (directory: string, name: string): string => {
      if (!name.endsWith(".conf")) return join(directory, "pki", `${name}.crt`);
      const { users } = parse(readFileSync(join(directory, name), "utf8"));
      const path = join(temporaryDirectory(), "leaf.crt");
      writeFileSync(path, Buffer.from(users[0].user["client-certificate-data"], "base64"));
      return path;
    };

    test.each(LEAVES)("%s says the same", (name) => {
      const [one, other] = [ours, theirs].map(({ directory }) => {
        const { version, subject, extensions } = showCertificate(certificateOf(directory, name));
        const { "Authority Key Identifier": _, ...comparable } = extensions;
        return { version, subject, extensions: comparable };
      });
      expect(one).toEqual(other);
    });

    test.each(LEAVES.filter((name) => name.endsWith(".conf")))("%s names the same server, cluster and user", (name) => {
      const [one, other] = [ours, theirs].map(({ directory }) => {
        const { clusters, contexts, users, ...rest } = parse(readFileSync(join(directory, name), "utf8"));
        return { contexts, current: rest["current-context"], server: clusters[0].cluster.server, user: users[0].name };
      });
      expect(one).toEqual(other);
      const { url } = readKubeconfig(join(ours.directory, name));
      expect(url).toBe(`https://${ADDRESS}:6443`);
    });

    test("the same files are there, with the same modes", () => {
      const list = (directory: string) =>
        readdirSync(directory, { recursive: true, encoding: "utf8" })
          .sort()
          .map((name) => `${name} ${(statSync(join(directory, name)).mode & 0o777).toString(8)}`);
      expect(list(ours.directory)).toEqual(list(theirs.directory));
    });
  });
});
