/**
 * What verifying evidence costs: `node scripts/measure-attestors.ts [SECONDS]`, 2 for each attestor without a number. Verifies
 * the same right evidence over and over in one thread, with what it trusts in files as always; no network, no ledger, no HTTP.
 * Leaves nothing.
 */

import { execFileSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, SignJWT } from "jose";
import { z } from "zod";
import type { Attestor, ProofInput } from "../services/certificate-authority/attestation/attestor.ts";
import { createGcpIitAttestor } from "../services/certificate-authority/attestation/gcp-iit/attestor.ts";
import { gcpIitShape } from "../services/certificate-authority/attestation/gcp-iit/settings.ts";
import { createOidcAttestor } from "../services/certificate-authority/attestation/oidc/attestor.ts";
import { oidcShape } from "../services/certificate-authority/attestation/oidc/settings.ts";
import { createSshpopAttestor } from "../services/certificate-authority/attestation/ssh-pop/attestor.ts";
import { createX509popAttestor } from "../services/certificate-authority/attestation/x509-pop/attestor.ts";
import { boundAudience } from "../services/shared/attestation/bind.ts";
import { signPossession } from "../services/shared/attestation/possession.ts";
import { systemClock } from "../services/shared/clock.ts";
import { createLogger } from "../services/shared/logging.ts";
import { measureRate } from "./bench/timing.ts";

const AUDIENCE = "https://node-ca.example/v1/attest";
const tools = { audience: AUDIENCE, clock: systemClock, logger: createLogger({ level: "error" }) };
const bind = randomBytes(32);

interface Subject {
  readonly name: string;
  readonly attestor: Attestor;
  readonly proof: unknown;
}

async function main(): Promise<void> {
  const seconds = Number(process.argv[2] ?? "2");
  if (!(seconds > 0)) throw new Error("usage: node scripts/measure-attestors.ts [SECONDS]");
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-attestors-"));
  try {
    const subjects = [...x509pop(directory), sshpop(directory), ...(await tokens(directory))];
    for (const subject of subjects) console.log(`${subject.name.padEnd(44)}${await rate(subject, seconds)} a second`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function rate({ attestor, proof }: Subject, seconds: number): Promise<number> {
  const input = (): ProofInput => ({
    ...{ hello: {}, proof, bind, nonce: bind, secret: undefined, nodeName: "", clientAddress: "127.0.0.1" },
    ...{ now: new Date(), signal: new AbortController().signal },
  });
  return Math.round((await measureRate(() => attestor.verify(input()), seconds)).perSecond);
}

/** A root, a CA below it and a machine, all with keys of one kind. */
function x509pop(directory: string): readonly Subject[] {
  const kinds = [
    { name: "ECDSA P-256", newKey: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] },
    { name: "RSA 2048", newKey: ["rsa:2048"] },
  ];
  return kinds.map(({ name, newKey }, index) => {
    const at = (file: string) => join(directory, `${index}-${file}`);
    const run = (...args: readonly string[]) =>
      execFileSync("openssl", args, { stdio: ["ignore", "ignore", "ignore"] });
    const make = (file: string, extensions: readonly string[], issuer: string | undefined) => {
      writeFileSync(at(`${file}.ext`), extensions.join("\n"));
      const key = ["-newkey", ...newKey, "-nodes", "-keyout", at(`${file}.key`), "-subj", `/CN=${file}`];
      run("req", "-new", ...key, "-out", at(`${file}.csr`));
      const by =
        issuer === undefined
          ? ["-signkey", at(`${file}.key`)]
          : ["-CA", at(`${issuer}.crt`), "-CAkey", at(`${issuer}.key`), "-CAcreateserial"];
      run(
        "x509",
        "-req",
        "-in",
        at(`${file}.csr`),
        ...by,
        "-days",
        "1",
        "-extfile",
        at(`${file}.ext`),
        "-out",
        at(`${file}.crt`),
      );
      return execFileSync("openssl", ["x509", "-in", at(`${file}.crt`), "-outform", "DER"]);
    };
    const authority = ["basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign,cRLSign"];
    make("root", authority, undefined);
    const middle = make("middle", authority, "root");
    const leaf = make("leaf", ["keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth"], "middle");
    const signature = signPossession(createPrivateKey(readFileSync(at("leaf.key"))), "x509pop", bind);
    const attestor = createX509popAttestor({
      ...{ attestor: "x509pop", roots: at("root.crt"), requireClientAddress: false },
      purpose: { extendedKeyUsage: "1.3.6.1.5.5.7.3.2" },
    });
    const chain = [leaf, middle].map((der) => der.toString("base64url"));
    return {
      name: `x509pop, ${name}, two certificates`,
      attestor,
      proof: { chain, signature: signature.toString("base64url") },
    };
  });
}

function sshpop(directory: string): Subject {
  const run = (...args: readonly string[]) => execFileSync("ssh-keygen", args, { cwd: directory, stdio: "ignore" });
  for (const name of ["ca", "host"]) run("-q", "-t", "ed25519", "-N", "", "-f", name);
  run("-q", "-s", "ca", "-h", "-I", "host", "-n", "node-1.nodes.example", "host.pub");
  writeFileSync(join(directory, "bind"), bind);
  run("-Y", "sign", "-n", "node-attest-v1", "-f", "host", "bind");
  const textOf = (file: string) => readFileSync(join(directory, file), "utf8");
  const encoded = (base64: string) => Buffer.from(base64, "base64").toString("base64url");
  return {
    name: "sshpop, Ed25519",
    attestor: createSshpopAttestor({ attestor: "sshpop", hostAuthorities: join(directory, "ca.pub") }),
    proof: {
      certificate: encoded(textOf("host-cert.pub").split(" ")[1] ?? ""),
      signature: encoded(textOf("bind.sig").replace(/-----.*-----/g, "")),
    },
  };
}

async function tokens(directory: string): Promise<readonly Subject[]> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const file = join(directory, "jwks.json");
  writeFileSync(
    file,
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "one", alg: "RS256", use: "sig" }] }),
  );
  const signed = (issuer: string, claims: object) =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: "RS256", kid: "one" })
      .setIssuer(issuer)
      .setAudience(boundAudience(AUDIENCE, bind))
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(privateKey);
  const usual = { keys: { file }, maximumTokenAgeSeconds: 3600 };
  const issuer = "https://login.example.com";
  const oidc = z.strictObject(oidcShape).parse({
    ...{ ...usual, attestor: "oidc", issuer, requiredClaims: { project: "prod" }, machineIdClaim: "vm" },
    fields: { instance: { claim: "sub", pattern: "vm:([a-z0-9-]+)" } },
  });
  const gcp = z.strictObject(gcpIitShape).parse({ ...usual, attestor: "gcp_iit", projects: ["prod-1"] });
  const instance = {
    ...{ project_id: "prod-1", project_number: 1, zone: "europe-west1-b", instance_id: "1", instance_name: "node-1" },
    instance_creation_timestamp: 1_700_000_000,
  };
  return [
    {
      name: "oidc, RS256, keys in a file",
      attestor: createOidcAttestor(oidc, tools),
      proof: { token: await signed(issuer, { sub: "vm:node-1", project: "prod", vm: "1" }) },
    },
    {
      name: "gcp_iit, RS256, keys in a file, no API",
      attestor: createGcpIitAttestor(gcp, tools),
      proof: { token: await signed("https://accounts.google.com", { google: { compute_engine: instance } }) },
    },
  ];
}

await main();
