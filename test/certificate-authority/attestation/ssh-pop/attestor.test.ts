import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { z } from "zod";
import { createSshpopAttestor } from "../../../../services/certificate-authority/attestation/ssh-pop/attestor.ts";
import { readHostCertificate } from "../../../../services/certificate-authority/attestation/ssh-pop/host-certificate.ts";
import {
  resolveSshpopPaths,
  type SshpopSettings,
  sshpopShape,
} from "../../../../services/certificate-authority/attestation/ssh-pop/settings.ts";
import { isSshMessageSignature } from "../../../../services/certificate-authority/attestation/ssh-pop/ssh-signature.ts";
import { proofInput, refusalIn } from "../../../builders/proof-input.ts";
import {
  buildHostCertificate,
  buildSshKey,
  buildSshSignature,
  type HostCertificateArguments,
  type SshSignatureArguments,
  sshText,
} from "../../../builders/ssh-certificate.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const SECONDS = BigInt(NOW.getTime() / 1000);
const authority = buildSshKey();
const host = buildSshKey();
const stranger = buildSshKey();

let directory: string;
let hostAuthorities: string;
beforeEach(() => {
  directory = temporaryDirectory();
  hostAuthorities = join(directory, "host_ca.pub");
  writeFileSync(hostAuthorities, `# ours\n\nssh-ed25519 ${authority.blob.toString("base64")} host CA\n`);
});

const settingsOf = (changes: Partial<SshpopSettings> = {}): SshpopSettings => ({
  attestor: "sshpop",
  hostAuthorities,
  ...changes,
});

interface Shown {
  readonly certificate?: Partial<HostCertificateArguments>;
  readonly signature?: Partial<SshSignatureArguments>;
  /** The blobs themselves, changed. */
  readonly change?: (proof: { certificate: Buffer; signature: Buffer }) => { certificate: Buffer; signature: Buffer };
}

function inputOf({ certificate = {}, signature = {}, change = (proof) => proof }: Shown = {}) {
  const bind = randomBytes(32);
  const blobs = change({
    certificate: buildHostCertificate({ key: host, authority, ...certificate }),
    signature: buildSshSignature({ key: host, message: bind, ...signature }),
  });
  const proof = {
    certificate: blobs.certificate.toString("base64url"),
    signature: blobs.signature.toString("base64url"),
  };
  return proofInput({ bind, proof, now: NOW });
}

/** What was wrong; parsers have an error of their own, which denies like any other. */
async function refusalOf(shown: Shown = {}, settings = settingsOf()): Promise<string> {
  try {
    return await refusalIn(() => createSshpopAttestor(settings).verify(inputOf(shown)));
  } catch (error) {
    expect((error as Error).name).toBe("SshFormatError");
    return (error as Error).message;
  }
}

test("a machine with a host certificate is known by its key", async () => {
  const evidence = await createSshpopAttestor(settingsOf()).verify(inputOf());
  const keySha256 = createHash("sha256").update(host.blob).digest("hex");
  expect(evidence).toEqual({
    machineId: `ssh:${keySha256}`,
    pins: {},
    fields: {
      key_sha256: keySha256,
      authority_sha256: createHash("sha256").update(authority.blob).digest("hex"),
      serial: "7",
      key_id: "host node-1",
      principal: "node-1.nodes.example",
    },
    sans: { dnsNames: ["node-1.nodes.example"], ipAddresses: [] },
    isFresh: true,
  });
});

test.each<{
  name: string;
  principals: readonly string[];
  domain?: string;
  principal: string | undefined;
  dns?: readonly string[];
  ips?: readonly string[];
}>([
  {
    name: "the one below the domain",
    principals: ["n", "n.nodes.example", "10.0.0.1", "n.other.example"],
    domain: "nodes.example",
    principal: "n.nodes.example",
    dns: ["n", "n.nodes.example", "n.other.example"],
    ips: ["10.0.0.1"],
  },
  {
    name: "nothing of two",
    principals: ["a.nodes.example", "b.nodes.example"],
    domain: "nodes.example",
    principal: undefined,
  },
  {
    name: "one that comes twice",
    principals: ["a.nodes.example", "a.nodes.example"],
    domain: "nodes.example",
    principal: "a.nodes.example",
    dns: ["a.nodes.example"],
  },
  {
    name: "nothing but below the domain",
    principals: ["nodes.example", "a.evilnodes.example"],
    domain: "nodes.example",
    principal: undefined,
  },
  {
    name: "nothing of a pattern",
    principals: ["*.nodes.example"],
    domain: "nodes.example",
    principal: undefined,
    dns: [],
  },
  {
    name: "nothing of an address",
    principals: ["10.0.0.1", "::1"],
    principal: undefined,
    dns: [],
    ips: ["10.0.0.1", "::1"],
  },
  { name: "nothing where there is no principal", principals: [], principal: undefined, dns: [] },
  { name: "nothing of capitals", principals: ["Node-1"], principal: undefined, dns: [] },
])("the principal shown is $name", async ({ principals, domain, principal, dns = principals, ips = [] }) => {
  const settings = settingsOf(domain === undefined ? {} : { domain });
  const { fields, sans } = await createSshpopAttestor(settings).verify(inputOf({ certificate: { principals } }));
  expect(fields["principal"]).toBe(principal);
  expect(sans).toEqual({ dnsNames: dns, ipAddresses: ips });
});

test.each<{ name: string; shown: Shown; says: string }>([
  { name: "a user's certificate", shown: { certificate: { type: 1 } }, says: "type: not a host's certificate" },
  {
    name: "a certificate of another CA",
    shown: { certificate: { authority: stranger } },
    says: "a CA that the profile does not list",
  },
  {
    name: "a certificate that another key has signed",
    shown: { certificate: { signer: stranger } },
    says: "not that of the CA",
  },
  {
    name: "a certificate that signs itself",
    shown: { certificate: { authority: host } },
    says: "a CA that the profile does not list",
  },
  {
    name: "a certificate whose CA has a certificate",
    shown: { certificate: { signatureKey: buildHostCertificate({ key: authority, authority: stranger }) } },
    says: "is none of",
  },
  { name: "an expired certificate", shown: { certificate: { validBefore: SECONDS } }, says: "has expired" },
  { name: "a future certificate", shown: { certificate: { validAfter: SECONDS + 1n } }, says: "is not valid yet" },
  {
    name: "a certificate with a critical option",
    shown: { certificate: { criticalOptions: Buffer.concat([sshText("verify-required"), sshText("")]) } },
    says: "critical options: not understood",
  },
  {
    name: "a certificate with half an extension",
    shown: { certificate: { extensions: sshText("permit-pty") } },
    says: "extensions: truncated",
  },
  {
    name: "a plain key",
    shown: { change: (proof) => ({ ...proof, certificate: host.blob }) },
    says: "no OpenSSH certificate",
  },
  {
    name: "a certificate of a security key",
    shown: { certificate: { certificateType: "sk-ssh-ed25519-cert-v01@openssh.com" } },
    says: "is none of",
  },
  {
    name: "a certificate of DSA",
    shown: { certificate: { certificateType: "ssh-dss-cert-v01@openssh.com" } },
    says: "is none of",
  },
  {
    name: "a certificate of an object's property",
    shown: { certificate: { certificateType: "constructor-cert-v01@openssh.com" } },
    says: "is none of",
  },
  {
    name: "a certificate followed by more",
    shown: { change: (proof) => ({ ...proof, certificate: Buffer.concat([proof.certificate, Buffer.from([0])]) }) },
    says: "certificate: trailing data",
  },
  { name: "too many principals", shown: { certificate: { principals: Array(257).fill("a") } }, says: "more than 256" },
  {
    name: "a signature over another challenge",
    shown: { signature: { message: randomBytes(32) } },
    says: "not the certified key's over this challenge",
  },
  {
    name: "a signature by another key",
    shown: { signature: { key: stranger } },
    says: "public key: not the certified one",
  },
  {
    name: "a signature by another key in this one's name",
    shown: { signature: { key: stranger, shownKey: host } },
    says: "not the certified key's over this challenge",
  },
  {
    name: "a signature for another namespace",
    shown: { signature: { namespace: "git" } },
    says: "namespace: not node-attest-v1",
  },
  {
    name: "a signature for another namespace in this one's name",
    shown: { signature: { namespace: "git", shownNamespace: "node-attest-v1" } },
    says: "not the certified key's over this challenge",
  },
  {
    name: "a namespace that only begins alike",
    shown: { signature: { namespace: "node-attest-v10" } },
    says: "namespace: not node-attest-v1",
  },
  { name: "a signature with SHA-1", shown: { signature: { hash: "sha1" } }, says: "hash algorithm: neither" },
  { name: "another magic", shown: { signature: { magic: "SSHSIh" } }, says: "magic: no SSHSIG" },
  { name: "another version", shown: { signature: { version: 2 } }, says: "version: not 1" },
  {
    name: "a signature followed by more",
    shown: { change: (proof) => ({ ...proof, signature: Buffer.concat([proof.signature, Buffer.from([0])]) }) },
    says: "SSHSIG: trailing data",
  },
])("refused: $name", async ({ shown, says }) => {
  expect(await refusalOf(shown)).toContain(says);
});

test.each([
  { name: "valid from this second", certificate: { validAfter: SECONDS } },
  { name: "valid to this second", certificate: { validBefore: SECONDS + 1n } },
  { name: "with an unknown extension", certificate: { extensions: Buffer.concat([sshText("a@b"), sshText("")]) } },
])("accepted: a certificate $name", async ({ certificate }) => {
  expect(await refusalOf({ certificate })).toBe("accepted");
});

test("what is cut off anywhere is refused", async () => {
  const whole = inputOf().proof as { certificate: string; signature: string };
  for (const part of ["certificate", "signature"] as const) {
    const { length } = Buffer.from(whole[part], "base64url");
    for (let end = 0; end < length; end += 1) {
      const change: NonNullable<Shown["change"]> = (proof) => ({ ...proof, [part]: proof[part].subarray(0, end) });
      expect(await refusalOf({ change })).not.toBe("accepted");
    }
  }
});

test("whatever octets there are, both parsers answer or refuse in words", () => {
  const bind = randomBytes(32);
  const blobs = [
    buildHostCertificate({ key: host, authority }),
    buildSshSignature({ key: host, message: bind }),
  ] as const;
  const certificate = readHostCertificate(blobs[0]);
  const parsers = [
    (bytes: Buffer) => void readHostCertificate(bytes),
    (bytes: Buffer) =>
      expect(isSshMessageSignature(bytes, { ...certificate, message: bind, namespace: "node-attest-v1" })).toBe(false),
  ];
  const change = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.nat(1), change, (which, changes) => {
      const changed = Buffer.from(blobs[which] as Buffer);
      for (const [at, by] of changes) changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ by;
      fc.pre(!changed.equals(blobs[which] as Buffer));
      let outcome = "read";
      try {
        parsers[which]?.(changed);
      } catch (error) {
        outcome = (error as Error).name;
      }
      // The CA has signed every octet of a certificate.
      expect(outcome).toEqual(which === 0 ? "SshFormatError" : expect.stringMatching(/^(read|SshFormatError)$/));
    }),
    { numRuns: 3000 },
  );
});

test("a CA that is taken out of the file is not trusted any more, nor anybody while the file is broken", async () => {
  const attestor = createSshpopAttestor(settingsOf());
  const verify = () => refusalIn(() => attestor.verify(inputOf()));
  expect(await verify()).toBe("accepted");
  writeFileSync(hostAuthorities, `ssh-ed25519 ${stranger.blob.toString("base64")}\n`);
  expect(await verify()).toContain("does not list");
  for (const [content, says] of [
    ["", "it holds no public key"],
    ["# nobody\n", "it holds no public key"],
    [`ssh-ed25519 ${authority.blob.toString("base64")}\nrubbish\n`, "line 2: "],
    [`ssh-rsa ${authority.blob.toString("base64")}\n`, "line 1: the key is of another type"],
    [`@cert-authority * ssh-ed25519 ${authority.blob.toString("base64")}\n`, "line 1: "],
  ] as const) {
    writeFileSync(hostAuthorities, content);
    expect(await verify()).toContain(says);
  }
});

test.each([
  { key: ["ed25519"], authority: ["ed25519"], hash: "sha512" },
  { key: ["ecdsa", "-b", "256"], authority: ["ecdsa", "-b", "384"], hash: "sha256" },
  { key: ["ecdsa", "-b", "521"], authority: ["rsa", "-b", "2048"], hash: "sha512" },
  { key: ["rsa", "-b", "3072"], authority: ["ecdsa", "-b", "521"], hash: "sha512" },
])("what ssh-keygen makes of keys $key and $authority is taken", async ({ key, authority: authorityKey, hash }) => {
  const run = (...args: readonly string[]) =>
    execFileSync("ssh-keygen", args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  run("-q", "-t", ...authorityKey, "-N", "", "-f", "ca");
  run("-q", "-t", ...key, "-N", "", "-f", "host");
  run(
    "-q",
    "-s",
    "ca",
    "-h",
    "-I",
    "node-7",
    "-n",
    "node-7.nodes.example,10.0.0.7",
    "-V",
    "-1m:+1h",
    "-z",
    "42",
    "host.pub",
  );
  const blobOf = (file: string) =>
    Buffer.from(readFileSync(join(directory, file), "utf8").split(" ")[1] ?? "", "base64");
  const bind = randomBytes(32);
  writeFileSync(join(directory, "bind"), bind);
  run("-Y", "sign", "-n", "node-attest-v1", "-O", `hashalg=${hash}`, "-f", "host", "bind");
  const armoured = readFileSync(join(directory, "bind.sig"), "utf8");
  const proof = {
    certificate: blobOf("host-cert.pub").toString("base64url"),
    signature: Buffer.from(armoured.replace(/-----.*-----/g, ""), "base64").toString("base64url"),
  };
  const attestor = createSshpopAttestor(
    settingsOf({ hostAuthorities: join(directory, "ca.pub"), domain: "nodes.example" }),
  );
  const evidence = await attestor.verify(proofInput({ bind, proof, now: new Date() }));
  expect(evidence).toMatchObject({
    fields: { serial: "42", key_id: "node-7", principal: "node-7.nodes.example" },
    sans: { dnsNames: ["node-7.nodes.example"], ipAddresses: ["10.0.0.7"] },
  });
  const later = proofInput({ bind, proof, now: new Date(Date.now() + 2 * 3_600_000) });
  expect(await refusalIn(() => attestor.verify(later))).toContain("has expired");
  expect(await refusalIn(() => attestor.verify(proofInput({ proof, now: new Date() })))).toContain(
    "over this challenge",
  );
});

test("RSA with SHA-1 is refused, whoever signs with it", async () => {
  const run = (...args: readonly string[]) =>
    execFileSync("ssh-keygen", args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  run("-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "ca");
  run("-q", "-t", "ed25519", "-N", "", "-f", "host");
  run("-q", "-s", "ca", "-t", "ssh-rsa", "-h", "-I", "x", "-n", "x", "host.pub");
  const certificate = Buffer.from(readFileSync(join(directory, "host-cert.pub"), "utf8").split(" ")[1] ?? "", "base64");
  expect(() => readHostCertificate(certificate)).toThrow("not rsa-sha2-256 or rsa-sha2-512");
});

test("settings name a file and take no empty ones", () => {
  const schema = z.strictObject(sshpopShape);
  const settings = schema.parse({ attestor: "sshpop", hostAuthorities: "ca.pub", domain: "nodes.example" });
  expect(resolveSshpopPaths(settings, (path) => `/etc/${path}`)).toEqual({
    ...settings,
    hostAuthorities: "/etc/ca.pub",
  });
  for (const wrong of [{ hostAuthorities: "" }, { domain: "" }, { domain: ".nodes.example" }, { user: true }])
    expect(schema.safeParse({ ...settings, ...wrong }).success).toBe(false);
});
