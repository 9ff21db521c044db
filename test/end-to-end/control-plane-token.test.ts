import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import { openssl } from "../builders/openssl.ts";
import { NEEDS_SOFT_HSM, SOFT_HSM_MODULE, SoftHsm } from "../builders/soft-hsm.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

const ENTRY = join(import.meta.dirname, "../../dist/cli/gatehouse.js");
const describeWithTokens = SOFT_HSM_MODULE === undefined ? describe.skip : describe;
const OF_CLUSTER_CA = ["apiserver.crt", "apiserver-kubelet-client.crt"];

describeWithTokens(`a control plane whose CA is in a token (${NEEDS_SOFT_HSM})`, () => {
  let root: string;
  let dataDirectory: string;
  let hsm: SoftHsm;
  let configuration: string;
  beforeEach(() => {
    root = temporaryDirectory();
    dataDirectory = join(root, "data");
    hsm = new SoftHsm();
    hsm.addToken("ca");
    const token = { name: "hsm", module: SOFT_HSM_MODULE, tokenLabel: "ca", pinFile: hsm.pinFile };
    configuration = autoApproving({ tokens: [token], issuer: { token: "hsm", keyAlgorithm: "ecdsa-p384" } });
    writeFileSync(join(root, "gatehouse.yaml"), configuration);
  });
  afterEach(() => hsm.remove());

  const pki = (name: string) => join(root, "kubernetes", "pki", name);
  function initialize(...options: readonly string[]) {
    const args = ["pki", "init", "--config", join(root, "gatehouse.yaml"), "--data-dir", dataDirectory];
    const place = ["--directory", pki(""), "--node-name", "cp-1", "--apiserver-advertise-address", "127.0.0.1"];
    const env = { ...process.env, ...hsm.environment, NODE_OPTIONS: "" };
    return spawnSync(process.execPath, [ENTRY, ...args, ...place, ...options], { encoding: "utf8", env });
  }

  /** What the cluster's CA signed for a kubeconfig's user. */
  function clientOf(kubeconfig: string): string {
    const { users } = parse(readFileSync(join(root, "kubernetes", kubeconfig), "utf8"));
    const path = join(root, `${kubeconfig}.crt`);
    writeFileSync(path, Buffer.from(users[0].user["client-certificate-data"], "base64"));
    return path;
  }

  test("the token signs control plane and nodes alike; its key is in no file, and all is kept by the next run", async () => {
    expect(initialize("--external-ca")).toMatchObject({ status: 0 });
    for (const path of [...OF_CLUSTER_CA.map(pki), clientOf("admin.conf"), clientOf("kubelet.conf")])
      expect(openssl("verify", "-x509_strict", "-CAfile", pki("ca.crt"), path)).toBe(`${path}: OK\n`);
    expect(new X509Certificate(readFileSync(pki("ca.crt"))).publicKey.asymmetricKeyDetails?.namedCurve).toBe(
      "secp384r1",
    );
    expect([existsSync(pki("ca.key")), existsSync(pki("etcd/ca.key"))]).toEqual([false, false]);
    // Two issuers have their keys in files, those of etcd and of the front proxy.
    expect(readdirSync(join(dataDirectory, "keys")).filter((name) => name.startsWith("issuer-"))).toHaveLength(4);

    const apiserver = readFileSync(pki("apiserver.crt"), "utf8");
    expect(initialize("--external-ca")).toMatchObject({ status: 0, stdout: expect.not.stringContaining(" made ") });
    rmSync(pki("apiserver.crt"));
    rmSync(pki("apiserver.key"));
    expect(initialize("--external-ca").stdout).toMatch(/^apiserver +made /m);
    expect(readFileSync(pki("apiserver.crt"), "utf8")).not.toBe(apiserver);
    expect(openssl("verify", "-CAfile", pki("ca.crt"), pki("apiserver.crt"))).toMatch(/: OK\n$/);

    const gatehouse = await startGatehouse({ dataDirectory, configuration, environment: hsm.environment });
    const administrator = new Administrator(gatehouse.adminKubeconfig);
    const bootstrap = readKubeconfig(gatehouse.bootstrapKubeconfig);
    const node = new KubeletClient({ ...bootstrap, nodeName: "worker-1", rotateCertificates: true });
    try {
      const leaf = join(root, "worker-1.crt");
      writeFileSync(leaf, (await node.bootstrap()).certificatePem);
      expect(openssl("verify", "-CAfile", pki("ca.crt"), leaf)).toBe(`${leaf}: OK\n`);
      expect(await administrator.verifyLedger()).toMatchObject({ problems: [] });
    } finally {
      node.close();
      administrator.close();
      await gatehouse.stop();
    }
  });

  test("without --external-ca it is refused before a file is written, for the key cannot leave", () => {
    const { status, stderr } = initialize();
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining(
        'the key of the CA "gatehouse-ca" cannot leave its token; keep it there with --external-ca',
      ),
    ]);
    expect(existsSync(join(root, "kubernetes"))).toBe(false);
  });

  test("with the token pulled out nothing is made, and what is there is left as it is", () => {
    initialize("--external-ca");
    rmSync(pki("apiserver.crt"));
    rmSync(pki("apiserver.key"));
    hsm.pullOut();
    const { status, stderr } = initialize("--external-ca");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: the token hsm is away: .*; check its module, address and connection$/m);
    expect(existsSync(pki("apiserver.key"))).toBe(false);
    hsm.putBack();
    expect(initialize("--external-ca")).toMatchObject({ status: 0 });
    expect(openssl("verify", "-CAfile", pki("ca.crt"), pki("apiserver.crt"))).toMatch(/: OK\n$/);
  });
});
