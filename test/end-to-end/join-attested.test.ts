import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { EmulatedTpm, EmulatedVendor, HAS_SWTPM, NEEDS_SWTPM } from "../builders/swtpm.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { anchorsFile } from "../builders/tpm-attestation.ts";
import { AttestingHost, AUDIENCE, startAuthority } from "./support/attesting-host.ts";
import { makeLeaf } from "./support/client-certificates.ts";
import { COMMAND_ENTRY, type CommandOutcome, runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";
import { makeAuthority } from "./support/openssl-authority.ts";

jest.setTimeout(240_000);

const DEVICE = "1.3.6.1.5.5.7.3.2";

const home = temporaryDirectory();
const datacentre = makeAuthority(home, { commonName: "datacentre", kind: "ecdsa-p384" });
const stranger = makeAuthority(home, { commonName: "stranger", kind: "ecdsa-p384" });

let host: AttestingHost;
let gatehouse: GatehouseProcess;
let vendor: EmulatedVendor | undefined;
let tpm: EmulatedTpm | undefined;
let otherTpm: EmulatedTpm | undefined;

beforeAll(async () => {
  if (HAS_SWTPM) {
    vendor = new EmulatedVendor();
    tpm = await EmulatedTpm.start(vendor);
    otherTpm = await EmulatedTpm.start();
  }
  gatehouse = await startAuthority(profiles());
});
afterAll(async () => {
  await gatehouse.remove();
  await tpm?.remove();
  await otherTpm?.remove();
  vendor?.remove();
});
beforeEach(() => {
  host = new AttestingHost(gatehouse);
});

function profiles(): readonly object[] {
  const machines = { attestor: "x509pop", roots: datacentre.certificateFile, purpose: { extendedKeyUsage: DEVICE } };
  const tpms = vendor && {
    ...{ ekRoots: anchorsFile(vendor.rootPem), ekIntermediates: anchorsFile(vendor.issuerPem) },
    pcrs: { sha256: [0, 4, 7] },
  };
  return [
    { name: "tokens", attestor: "join_token" },
    { name: "machines", ...machines, nodeName: "{dns_san - .nodes.example}", firstUse: true },
    ...(tpms === undefined
      ? []
      : [{ name: "metal", attestor: "tpm2", ...tpms, nodeName: "metal-{ek_template}", firstUse: true }]),
  ];
}

const at = (...names: readonly string[]): string => host.at(...names);
const joining = (...args: readonly string[]): Promise<CommandOutcome> => host.join(...args);

/** A join token for one node, in a file. */
async function tokenFor(nodeName: string): Promise<string> {
  const args = ["token", "create", "--for", "attestation", "--node", nodeName];
  const { code, stdout, stderr } = await runCommand(gatehouse.adminKubeconfig, args);
  if (code !== 0) throw new Error(stderr);
  writeFileSync(at("token"), stdout, { mode: 0o600 });
  return at("token");
}

/** A machine of a datacentre, whose CA has named it; a new key each time, in files of its own name. */
function machine(name: string, authority = datacentre, fileName = name): readonly string[] {
  const extensions = [
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=clientAuth",
    `subjectAltName=DNS:${name}.nodes.example`,
  ];
  const { certificateFile, keyFile } = makeLeaf(home, authority, {
    ...{ name: fileName, subject: `/CN=${name}`, extensions },
  });
  return ["--attestor", "x509pop", "--evidence-certificate", certificateFile, "--evidence-key", keyFile];
}

describe("from evidence to the certificate in one go", () => {
  test("a join token", async () => {
    const args = ["--attestor", "join_token", "--token-file", await tokenFor("token-1"), "--certificate"];
    const outcome = await joining(...args);
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(host.subject).toBe("O=system:nodes\nCN=system:node:token-1");
    // Once more: it is there, and the token, which is used up, is not needed.
    const again = await joining(...args);
    expect([again.code, again.stdout]).toEqual([0, expect.stringMatching(/client certificate and key\s+was there/)]);
  });

  test("a certificate of the datacentre, which says the name", async () => {
    const outcome = await joining(...machine("rack-1"), "--certificate");
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(host.subject).toBe("O=system:nodes\nCN=system:node:rack-1");
  });

  const testWithTpm = HAS_SWTPM ? test : test.skip;
  testWithTpm(`a TPM (${NEEDS_SWTPM})`, async () => {
    const outcome = await joining("--attestor", "tpm2", "--tpm", tpm?.location ?? "", "--certificate");
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(host.subject).toBe("O=system:nodes\nCN=system:node:metal-rsa2048");
  });

  testWithTpm(`a TPM of no vendor that is trusted (${NEEDS_SWTPM})`, async () => {
    const { code, stderr } = await joining("--attestor", "tpm2", "--tpm", otherTpm?.location ?? "", "--certificate");
    expect([code, stderr]).toEqual([4, expect.stringContaining("the TPM's vendor is not trusted")]);
  });
});

describe("a kubelet", () => {
  /** What a stock kubelet does with a bootstrap kubeconfig of a client certificate. */
  async function bootstrapsWith(file: string, nodeName: string): Promise<string> {
    const { url, credentials } = readKubeconfig(file);
    const kubelet = new KubeletClient({ url, credentials, nodeName, rotateCertificates: true });
    const { certificatePem } = await kubelet.bootstrap().finally(() => kubelet.close());
    return new X509Certificate(certificatePem).subject;
  }

  test("bootstraps with the kubeconfig that is left, once, and as no other node", async () => {
    const bootstrap = at("bootstrap-kubelet.conf");
    const args = [...machine("rack-2"), "--bootstrap-kubeconfig", bootstrap];
    const outcome = await joining(...args);
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(outcome.stdout).toMatch(/node rack-2 is prepared for .*; start its kubelet before /);
    expect(statSync(bootstrap).mode & 0o777).toBe(0o600);
    // Run again before the kubelet has started: what is there serves still.
    expect((await joining(...args)).stdout).toMatch(/kubeconfig to bootstrap with\s+was there/);
    expect(await bootstrapsWith(bootstrap, "rack-2")).toBe("O=system:nodes\nCN=system:node:rack-2");
    await expect(bootstrapsWith(bootstrap, "rack-2")).rejects.toThrow("Denied");
    await expect(bootstrapsWith(bootstrap, "rack-1")).rejects.toThrow();
  });

  test("gets its credential by an exec plugin, and nothing is written", async () => {
    const { code, stdout, stderr } = await joining(...machine("rack-3"), "--exec");
    expect([code, stderr]).toEqual([0, ""]);
    const credential = JSON.parse(stdout);
    expect(credential).toMatchObject({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential" });
    const { clientCertificateData, clientKeyData, expirationTimestamp } = credential.status;
    expect(new Date(expirationTimestamp).getTime()).toBeGreaterThan(Date.now());
    const caPem = readFileSync(gatehouse.caFile, "utf8");
    const credentials = { caPem, certificatePem: clientCertificateData, privateKeyPem: clientKeyData };
    const kubelet = new KubeletClient({
      url: gatehouse.url,
      credentials,
      nodeName: "rack-3",
      rotateCertificates: true,
    });
    const { certificatePem } = await kubelet.bootstrap();
    kubelet.close();
    expect(new X509Certificate(certificatePem).subject).toContain("CN=system:node:rack-3");
    expect(readdirSync(host.directory)).toEqual([]);
  });
});

test("a dry run shows what would be sent by length and hash, by what a machine is enrolled, and changes nothing", async () => {
  const { code, stdout } = await joining(...machine("rack-4"), "--certificate", "--dry-run", "-o", "json");
  const { evidence, files } = JSON.parse(stdout);
  expect(code).toBe(0);
  expect(evidence).toMatchObject({
    attestor: "x509pop",
    audience: AUDIENCE,
    machineId: expect.stringMatching(/^x509:[0-9a-f]{64}$/),
  });
  const fields = evidence.values.map(({ field }: { field: string }) => field);
  expect(fields).toEqual(["challenge", "spki", "proof.chain.0", "proof.signature", "keySig"]);
  expect(Object.keys(evidence.values[0])).toEqual(["field", "characters", "sha256"]);
  expect(files).toHaveLength(2);
  expect(existsSync(at("pki"))).toBe(false);
  // Nothing was bound by it: another key may still have the name.
  expect((await joining(...machine("rack-4"), "--certificate")).code).toBe(0);
});

interface Refused {
  readonly name: string;
  readonly args: () => readonly string[] | Promise<readonly string[]>;
  readonly code: number;
  readonly message: RegExp;
}

describe("refusals are put into words", () => {
  test.each<Refused>([
    {
      ...{ name: "a token that was used: denied", code: 4 },
      args: async () => {
        const args = ["--attestor", "join_token", "--token-file", await tokenFor("token-2"), "--certificate"];
        await joining(...args);
        return [...args, "--replace"];
      },
      message: /denied the attestation by join_token \(denied\)\nWhy stands in its audit trail.*the token was used/,
    },
    {
      ...{ name: "another node's token: denied", code: 4 },
      args: async () => [
        ...["--attestor", "join_token", "--token-file", await tokenFor("token-3"), "--node-name", "token-4"],
        "--certificate",
      ],
      message: /denied the attestation by join_token/,
    },
    {
      ...{ name: "a certificate of a strange CA: denied", code: 4 },
      args: () => [...machine("rack-5", stranger), "--certificate"],
      message: /denied the attestation by x509pop \(denied\)\n.*the certificate is of another CA/,
    },
    {
      ...{ name: "a name that another machine has: conflict", code: 4 },
      args: async () => {
        await joining(
          ...machine("rack-6"),
          "--certificate",
          "--cert-dir",
          at("first"),
          "--kubelet-kubeconfig",
          at("first.conf"),
        );
        return [...machine("rack-6"), "--certificate"];
      },
      message: /\(conflict\)\nSee gatehouse machine list/,
    },
    {
      ...{ name: "a profile that there is not", code: 4 },
      args: () => [...machine("rack-7"), "--profile", "others", "--certificate"],
      message: /\(denied\)/,
    },
    {
      ...{ name: "evidence for somebody else", code: 5 },
      args: () => [...machine("rack-8"), "--audience", "https://elsewhere.example/v1/attest", "--certificate"],
      message: /asks for evidence for "https:\/\/node-ca\.example\/v1\/attest", not for https:\/\/elsewhere/,
    },
    {
      ...{ name: "a key that does not fit", code: 1 },
      args: () => {
        const other = machine("rack-9");
        return [...machine("rack-10").slice(0, 4), "--evidence-key", other.at(-1) ?? "", "--certificate"];
      },
      message: /do not fit/,
    },
    {
      ...{ name: "no TPM", code: 1 },
      args: () => ["--attestor", "tpm2", "--tpm", at("tpmrm0"), "--certificate"],
      message: /there is no such device: is the TPM switched on/,
    },
    {
      ...{ name: "an option of another attestor", code: 2 },
      args: () => [...machine("rack-11"), "--tpm", "/dev/tpmrm0"],
      message: /--tpm is not for --attestor x509pop/,
    },
  ])("$name", async ({ args, code: expected, message }) => {
    const { code, stderr } = await joining(...(await args()), "--retry", "1s");
    expect([code, stderr]).toEqual([expected, expect.stringMatching(message)]);
  });

  test("an authority where nobody attests", async () => {
    const plain = await startGatehouse();
    const server = ["--server", plain.url, "--ca", plain.caFile];
    const { code, stderr } = await runCommand("/nowhere", ["join", ...machine("rack-12"), ...server, "--certificate"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("Is attestation configured there?")]);
    await plain.remove();
  });
});

test("of two machines that join as one node at the same time, one does", async () => {
  const machines = ["twin-a", "twin-b"].map((file) => ({ file, evidence: machine("twin", datacentre, file) }));
  const children = machines.map(({ file, evidence }) => {
    const places = ["--cert-dir", at(file), "--kubelet-kubeconfig", at(`${file}.conf`)];
    const child = spawn(process.execPath, [COMMAND_ENTRY, ...host.command(...evidence, "--certificate", ...places)], {
      env: { ...process.env, NODE_OPTIONS: "" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    return Promise.all([once(child, "exit"), text(child.stderr)]);
  });
  const outcomes = await Promise.all(children);
  const codes = outcomes.map(([[code]]) => Number(code));
  expect(codes.toSorted((one, other) => one - other)).toEqual([0, 4]);
  expect(outcomes.map(([, stderr]) => stderr).join("")).toContain("(conflict)");
});

test("a machine that is installed anew attests again, and has its name again", async () => {
  const args = [...machine("phoenix"), "--certificate"];
  expect((await joining(...args)).code).toBe(0);
  const before = host.subject;
  rmSync(at("pki"), { recursive: true });
  rmSync(at("kubelet.conf"));
  const again = await joining(...args);
  expect([again.code, again.stderr]).toEqual([0, ""]);
  expect(host.subject).toBe(before);
});
