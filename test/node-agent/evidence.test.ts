import { execFileSync } from "node:child_process";
import { createHash, createHmac, randomBytes, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { AnsweredChallenge } from "../../services/node-agent/evidence/collector.ts";
import { type EvidenceSource, openEvidence } from "../../services/node-agent/evidence/open-evidence.ts";
import { boundAudience } from "../../services/shared/attestation/bind.ts";
import { isPossessed } from "../../services/shared/attestation/possession.ts";
import {
  awsIidProof,
  awsStsProof,
  azureImdsProof,
  joinTokenHello,
  joinTokenProof,
  sshpopProof,
  tokenProof,
  x509popProof,
} from "../../services/shared/attestation/proofs.ts";
import { octetsOf } from "../../services/shared/attestation/wire.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { makeLeaf } from "../end-to-end/support/client-certificates.ts";
import { makeAuthority } from "../end-to-end/support/openssl-authority.ts";
import { MetadataServer } from "../fakes/metadata-server.ts";

const NOW = new Date("2026-11-21T10:15:00Z");
const AUDIENCE = "https://node-ca.example/v1/attest";
const DOCUMENT = Buffer.from("what a cloud has signed");
const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln";
const SESSION = "session-of-imds-v2";

const metadata = new MetadataServer();
beforeAll(() => metadata.start());
afterAll(() => metadata.stop());

const bind = randomBytes(32);
const challenge: AnsweredChallenge = { bind, audience: AUDIENCE, params: {}, signal: new AbortController().signal };

async function collect(source: EvidenceSource) {
  const deps = { clock: { now: () => NOW }, signal: new AbortController().signal };
  const collector = await openEvidence(source, deps);
  try {
    return { ...collector, proof: await collector.prove(challenge) };
  } finally {
    await collector.close?.();
  }
}

const directory = temporaryDirectory();
const at = (name: string): string => join(directory, name);

describe("join token", () => {
  test("a MAC whose key is the hash of the secret", async () => {
    const { hello, proof } = await collect({ kind: "join_token", token: "abcdef.0123456789abcdef\n" });
    expect(joinTokenHello.parse(hello)).toEqual({ tokenId: "abcdef" });
    const key = createHash("sha256").update("0123456789abcdef").digest();
    expect(octetsOf(joinTokenProof.parse(proof).mac)).toEqual(createHmac("sha256", key).update(bind).digest());
    expect(JSON.stringify([hello, proof])).not.toContain("0123456789abcdef");
  });

  test("what is none is refused, and not repeated", async () => {
    const outcome = collect({ kind: "join_token", token: "s3cret" });
    await expect(outcome).rejects.toMatchObject({ name: "AgentError", failure: "unusable" });
    await expect(outcome).rejects.not.toThrow("s3cret");
  });
});

describe("x509pop", () => {
  const authority = makeAuthority(directory, { commonName: "datacentre", kind: "ecdsa-p384" });
  const leaf = makeLeaf(directory, authority, {
    ...{ name: "machine", subject: "/CN=machine", extensions: ["keyUsage=critical,digitalSignature"] },
  });

  test("chain and signature of the certificate's key, for this use and bind alone", async () => {
    writeFileSync(
      at("chain.pem"),
      readFileSync(leaf.certificateFile, "utf8") + readFileSync(authority.certificateFile, "utf8"),
    );
    const source = { kind: "x509pop", certificateFile: at("chain.pem"), keyFile: leaf.keyFile } as const;
    const { proof, machineId } = await collect(source);
    const { chain, signature } = x509popProof.parse(proof);
    expect(chain).toHaveLength(2);
    const { publicKey } = new X509Certificate(octetsOf(chain[0] ?? ""));
    expect(isPossessed(publicKey, "x509pop", bind, octetsOf(signature))).toBe(true);
    expect(isPossessed(publicKey, "x509pop", randomBytes(32), octetsOf(signature))).toBe(false);
    const spki = publicKey.export({ type: "spki", format: "der" });
    expect(machineId).toBe(`x509:${createHash("sha256").update(spki).digest("hex")}`);
  });

  test.each([
    { name: "no such file", certificateFile: at("none"), keyFile: undefined, message: "cannot read" },
    {
      name: "a file without a key",
      certificateFile: leaf.certificateFile,
      keyFile: undefined,
      message: "no private key",
    },
    { name: "another's key", certificateFile: leaf.certificateFile, keyFile: authority.keyFile, message: "do not fit" },
    { name: "a key alone", certificateFile: leaf.keyFile, keyFile: undefined, message: "holds no certificate in PEM" },
  ])("$name is told", async ({ certificateFile, keyFile, message }) => {
    await expect(collect({ kind: "x509pop", certificateFile, keyFile })).rejects.toThrow(message);
  });
});

describe("sshpop", () => {
  const keyFile = at("ssh_host_ed25519_key");

  beforeAll(() => {
    for (const file of [keyFile, at("ssh_ca")])
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
    const args = ["-q", "-s", at("ssh_ca"), "-I", "node-1", "-h", "-n", "node-1.nodes.example", `${keyFile}.pub`];
    execFileSync("ssh-keygen", args);
  });

  test("the host certificate and a signature that OpenSSH itself verifies", async () => {
    const { proof } = await collect({ kind: "sshpop", certificateFile: `${keyFile}-cert.pub`, keyFile });
    const { certificate, signature } = sshpopProof.parse(proof);
    expect(readFileSync(`${keyFile}-cert.pub`, "utf8")).toContain(octetsOf(certificate).toString("base64"));
    const armoured = octetsOf(signature).toString("base64").replaceAll(/.{70}/g, "$&\n");
    writeFileSync(at("signature"), `-----BEGIN SSH SIGNATURE-----\n${armoured}\n-----END SSH SIGNATURE-----\n`);
    const [type, blob] = readFileSync(`${keyFile}.pub`, "utf8").split(" ");
    writeFileSync(at("signers"), `node ${type} ${blob}\n`);
    const args = ["-Y", "verify", "-f", at("signers"), "-I", "node", "-n", "node-attest-v1", "-s", at("signature")];
    expect(execFileSync("ssh-keygen", args, { input: bind }).toString()).toContain('Good "node-attest-v1" signature');
  });

  test("a key that cannot be used is told with what ssh-keygen says of it", async () => {
    const outcome = collect({ kind: "sshpop", certificateFile: `${keyFile}-cert.pub`, keyFile: at("no-key") });
    await expect(outcome).rejects.toThrow(/cannot sign with .*no-key: .*No such file/);
  });

  test("a public key is no certificate", async () => {
    const outcome = collect({ kind: "sshpop", certificateFile: `${keyFile}.pub`, keyFile });
    await expect(outcome).rejects.toThrow("holds no OpenSSH certificate");
  });
});

/** IMDSv2 of an instance: nothing without a session. */
function ec2(paths: Readonly<Record<string, string>>): void {
  metadata.answers(({ method, headers }, { pathname }) => {
    if (method === "PUT" && pathname === "/latest/api/token") {
      return headers["x-aws-ec2-metadata-token-ttl-seconds"] === undefined
        ? { status: 400, body: "" }
        : { body: SESSION };
    }
    if (headers["x-aws-ec2-metadata-token"] !== SESSION) return { status: 401, body: "" };
    const body = paths[pathname];
    return body === undefined ? undefined : { body };
  });
}

const EC2_ROLE = {
  "/latest/meta-data/placement/region": "eu-west-1",
  "/latest/meta-data/iam/security-credentials/": "node-role",
  "/latest/meta-data/iam/security-credentials/node-role": JSON.stringify({
    ...{ Code: "Success", AccessKeyId: "ASIAEXAMPLE", SecretAccessKey: "s3cret", Token: "token" },
  }),
};

describe("AWS", () => {
  const metadataUrl = (): URL => metadata.url;

  test("the identity document, decoded, by a session of IMDSv2", async () => {
    const lines = DOCUMENT.toString("base64").replaceAll(/.{10}/g, "$&\n");
    ec2({ "/latest/dynamic/instance-identity/rsa2048": lines });
    const { proof } = await collect({ kind: "aws_iid", metadataUrl: metadataUrl() });
    expect(octetsOf(awsIidProof.parse(proof).document)).toEqual(DOCUMENT);
    expect(metadata.asked).toEqual(["PUT /latest/api/token", "GET /latest/dynamic/instance-identity/rsa2048"]);
  });

  test("a signed GetCallerIdentity of the instance's role, with bind as a signed header and no secret in it", async () => {
    ec2(EC2_ROLE);
    const source = { kind: "aws_sts", stsHost: undefined, usesInstanceIdentityRole: false } as const;
    const { proof } = await collect({ ...source, metadataUrl: metadataUrl() });
    const { host, headers } = awsStsProof.parse(proof);
    expect(host).toBe("sts.eu-west-1.amazonaws.com");
    expect(headers).toMatchObject({
      authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE\/20261121\/eu-west-1\/sts\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-node-attest-bind, /,
      ),
      "x-amz-date": "20261121T101500Z",
      "x-node-attest-bind": bind.toString("hex"),
    });
    expect(JSON.stringify(proof)).not.toContain("s3cret");
  });

  test("the instance identity role, and a host of STS with its own region", async () => {
    const path = "/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance";
    const role = EC2_ROLE["/latest/meta-data/iam/security-credentials/node-role"];
    ec2({ "/latest/meta-data/placement/region": "eu-west-1", [path]: role });
    const source = { kind: "aws_sts", stsHost: "sts.amazonaws.com", usesInstanceIdentityRole: true } as const;
    const { proof } = await collect({ ...source, metadataUrl: metadataUrl() });
    const { host, headers } = awsStsProof.parse(proof);
    expect([host, headers.authorization]).toEqual(["sts.amazonaws.com", expect.stringContaining("/us-east-1/sts/")]);
  });

  test("an instance without a role is told what to do", async () => {
    ec2({ ...EC2_ROLE, "/latest/meta-data/iam/security-credentials/": "" });
    const source = { kind: "aws_sts", stsHost: undefined, usesInstanceIdentityRole: false } as const;
    const outcome = collect({ ...source, metadataUrl: metadataUrl() });
    await expect(outcome).rejects.toMatchObject({
      message: "this instance has no role",
      hint: expect.stringContaining("--aws-identity-role"),
    });
  });

  test("credentials that are none are not repeated", async () => {
    ec2({ ...EC2_ROLE, "/latest/meta-data/iam/security-credentials/node-role": '{"SecretAccessKey":"s3cret"}' });
    const source = { kind: "aws_sts", stsHost: undefined, usesInstanceIdentityRole: false } as const;
    const outcome = collect({ ...source, metadataUrl: metadataUrl() });
    await expect(outcome).rejects.toThrow("gave no credentials");
    await expect(outcome).rejects.not.toThrow("s3cret");
  });
});

describe("Azure", () => {
  test("the attested document for as much of bind as its nonce takes, and the resource it may be looked up by", async () => {
    let nonce: string | null = null;
    metadata.answers(({ headers }, url) => {
      if (headers["metadata"] !== "true") return { status: 400, body: "" };
      if (url.pathname === "/metadata/instance/compute/resourceId") return { body: "/subscriptions/1/vm" };
      nonce = url.searchParams.get("nonce");
      return { body: JSON.stringify({ encoding: "pkcs7", signature: DOCUMENT.toString("base64") }) };
    });
    const { proof } = await collect({ kind: "azure_imds", metadataUrl: metadata.url });
    const { document, resourceId } = azureImdsProof.parse(proof);
    expect([octetsOf(document), resourceId]).toEqual([DOCUMENT, "/subscriptions/1/vm"]);
    expect(nonce).toBe(bind.toString("hex").slice(0, 32));
  });
});

describe("tokens", () => {
  test("Google's identity token, in full, for an audience of this bind", async () => {
    let asked: URLSearchParams | undefined;
    metadata.answers(({ headers }, url) => {
      asked = url.searchParams;
      return headers["metadata-flavor"] === "Google" ? { body: JWT } : { status: 403, body: "" };
    });
    const { proof } = await collect({ kind: "gcp_iit", metadataUrl: metadata.url });
    expect(tokenProof.parse(proof)).toEqual({ token: JWT });
    expect([asked?.get("format"), asked?.get("audience")]).toEqual(["full", boundAudience(AUDIENCE, bind)]);
  });

  test("a token of a file, read when it is needed", async () => {
    writeFileSync(at("token"), `${JWT}\n`);
    expect((await collect({ kind: "oidc", tokenFile: at("token") })).proof).toEqual({ token: JWT });
  });

  test("a program is given the audience of this bind, and prints the token", async () => {
    writeFileSync(at("get-token"), `#!/bin/sh\nprintf %s "$1" > ${at("audience")}\necho ${JWT}\n`, { mode: 0o755 });
    expect((await collect({ kind: "oidc", program: at("get-token") })).proof).toEqual({ token: JWT });
    expect(readFileSync(at("audience"), "utf8")).toBe(boundAudience(AUDIENCE, bind));
  });

  test("a program that fails is told, without what it says", async () => {
    writeFileSync(at("fail"), "#!/bin/sh\necho s3cret\necho s3cret >&2\nexit 7\n", { mode: 0o755 });
    const outcome = collect({ kind: "oidc", program: at("fail") });
    await expect(outcome).rejects.toThrow("which is to print a token, ended with 7");
    // With its causes, as a log would have it.
    expect(inspect(await outcome.catch((error: unknown) => error))).not.toContain("s3cret");
  });

  test("what is no token is refused, and not repeated", async () => {
    writeFileSync(at("token"), "s3cret");
    const outcome = collect({ kind: "psat", tokenFile: at("token") });
    await expect(outcome).rejects.toThrow("holds no JSON Web Token");
    await expect(outcome).rejects.not.toThrow("s3cret");
  });
});

describe("a metadata service", () => {
  const source = (): EvidenceSource => ({ kind: "aws_iid", metadataUrl: metadata.url });

  test("that fails is asked three times, one that refuses once", async () => {
    metadata.answers(() => ({ status: 503, body: "" }));
    await expect(collect(source())).rejects.toThrow("it answered 503 for /latest/api/token");
    expect(metadata.asked).toHaveLength(3);
    metadata.answers(() => ({ status: 403, body: "" }));
    await expect(collect(source())).rejects.toThrow("it answered 403");
    expect(metadata.asked).toHaveLength(1);
  });

  test("that sends elsewhere is not followed", async () => {
    metadata.answers(() => ({ status: 302, body: "", headers: { location: metadata.url.href } }));
    await expect(collect(source())).rejects.toThrow("it answered 302");
    expect(metadata.asked).toHaveLength(1);
  });

  test("that has too much to say is cut off", async () => {
    metadata.answers(() => ({ body: "a".repeat(100_000) }));
    await expect(collect(source())).rejects.toThrow("more than 65536 bytes");
  });

  test("that is not there is told with a way out", async () => {
    const outcome = collect({ kind: "aws_iid", metadataUrl: new URL("http://127.0.0.1:9") });
    await expect(outcome).rejects.toMatchObject({
      failure: "unusable",
      hint: expect.stringContaining("--metadata-url"),
    });
  });
});
