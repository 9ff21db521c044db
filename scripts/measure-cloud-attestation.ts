/**
 * What verifying the evidence of clouds costs: `node scripts/measure-cloud-attestation.ts [SECONDS]`, three seconds each
 * without a number. One thread, RSA of 2048 bits throughout as clouds have it, certificates of our own making. STS answers
 * from this process over loopback, in the clear and without looking at the signature: its row is what an answer costs us,
 * with 32 questions under way.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Attestor, ProofInput } from "../services/certificate-authority/attestation/attestor.ts";
import { createAwsIidAttestor } from "../services/certificate-authority/attestation/aws-iid/attestor.ts";
import { awsIidShape } from "../services/certificate-authority/attestation/aws-iid/settings.ts";
import { createAwsStsAttestor } from "../services/certificate-authority/attestation/aws-sts/attestor.ts";
import { awsStsShape } from "../services/certificate-authority/attestation/aws-sts/settings.ts";
import { createAzureImdsAttestor } from "../services/certificate-authority/attestation/azure-imds/attestor.ts";
import { azureImdsShape } from "../services/certificate-authority/attestation/azure-imds/settings.ts";
import { signCallerIdentity } from "../services/shared/attestation/caller-identity.ts";
import { systemClock } from "../services/shared/clock.ts";
import { AWS_ACCOUNT, AWS_INSTANCE, identityDocument } from "../test/builders/aws.ts";
import { AZURE_BIND, AZURE_SUBSCRIPTION, azureSigned, azureSigner } from "../test/builders/azure.ts";
import { buildChainAuthority, buildChainCertificate, CHAIN_NOW } from "../test/builders/certificate-chain.ts";
import { buildCms } from "../test/builders/cms.ts";
import { callerIdentityXml } from "../test/fakes/aws-api.ts";
import { measureRate } from "./bench/timing.ts";

const TOGETHER = 32;
const tools = { clock: systemClock };

async function main(): Promise<void> {
  const seconds = Number(process.argv[2] ?? "3");
  if (!(seconds > 0)) throw new Error("usage: node scripts/measure-cloud-attestation.ts [SECONDS]");
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-clouds-"));
  try {
    await report("aws_iid", seconds, 1, awsDocument(directory));
    await report("azure_imds", seconds, 1, azureDocument(directory));
    await report("aws_sts", seconds, TOGETHER, await callerIdentity());
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Case {
  readonly attestor: Attestor;
  readonly proof: unknown;
  readonly bind: Buffer;
  readonly close?: () => void;
}

function awsDocument(directory: string): Case {
  const certificate = buildChainCertificate({ commonName: "aws", keyAlgorithm: "rsa-2048" });
  writeFileSync(join(directory, "eu-west-1.pem"), certificate.pem);
  const document = buildCms({ content: identityDocument(), signers: [{ certificate }] }).toString("base64url");
  const settings = { accounts: [AWS_ACCOUNT], regions: ["eu-west-1"], certificates: directory };
  const attestor = createAwsIidAttestor(z.strictObject(awsIidShape).parse({ attestor: "aws_iid", ...settings }), tools);
  return { attestor, proof: { document }, bind: Buffer.alloc(32) };
}

/** A root, one CA between, the signer: what is verified is three signatures. */
function azureDocument(directory: string): Case {
  const root = buildChainAuthority({ commonName: "root", keyAlgorithm: "rsa-2048" });
  const issuer = buildChainAuthority({ commonName: "issuing", issuer: root, keyAlgorithm: "rsa-2048" });
  const roots = join(directory, "roots.pem");
  const intermediates = join(directory, "intermediates.pem");
  writeFileSync(roots, root.pem);
  writeFileSync(intermediates, issuer.pem);
  const document = azureSigned(azureSigner({ issuer })).toString("base64url");
  const settings = { subscriptions: [AZURE_SUBSCRIPTION], roots, intermediates };
  const shape = z.strictObject(azureImdsShape);
  const attestor = createAzureImdsAttestor(shape.parse({ attestor: "azure_imds", ...settings }), tools);
  return { attestor, proof: { document }, bind: AZURE_BIND };
}

async function callerIdentity(): Promise<Case> {
  const arn = `arn:aws:sts::${AWS_ACCOUNT}:assumed-role/nodes/${AWS_INSTANCE}`;
  const answer = callerIdentityXml({ account: AWS_ACCOUNT, arn });
  const server = createServer((request, response) => request.resume().once("end", () => response.end(answer)));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bind = Buffer.alloc(32, 1);
  const credentials = { accessKeyId: "ASIAEXAMPLE000000000", secretAccessKey: "s", sessionToken: "t".repeat(1000) };
  const proof = signCallerIdentity({ host, region: "eu-west-1", bind, credentials, now: CHAIN_NOW });
  const sts = { endpoints: [`http://${host}`], allowPlainHttp: true };
  const settings = { attestor: "aws_sts", accounts: [AWS_ACCOUNT], roles: ["nodes"], sts };
  const attestor = createAwsStsAttestor(z.strictObject(awsStsShape).parse(settings), tools);
  return { attestor, proof, bind, close: () => server.close() };
}

async function report(name: string, seconds: number, together: number, { attestor, proof, bind, close }: Case) {
  const { signal } = new AbortController();
  const input: ProofInput = {
    ...{ hello: {}, proof, bind, nonce: Buffer.alloc(32), secret: undefined, nodeName: "", now: CHAIN_NOW, signal },
    clientAddress: "127.0.0.1",
  };
  const { perSecond, cpuMicroseconds } = await measureRate(() => attestor.verify(input), seconds, together);
  const rate = String(Math.round(perSecond)).padStart(6);
  process.stdout.write(`${name.padEnd(10)} ${rate}/s  ${Math.round(cpuMicroseconds)} µs of CPU each\n`);
  attestor.close?.();
  close?.();
}

await main();
