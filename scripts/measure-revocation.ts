/**
 * What revocation costs: `node scripts/measure-revocation.ts [ENTRIES] [ROUNDS]`, 100,000 and 200 without numbers. Signs a
 * CRL of so many entries, then again with one entry more each; and revokes so many certificates of a running server, one
 * after the other, while a node-authorizer that follows its feed is asked about each until it refuses it. Takes a minute
 * or two, leaves nothing.
 */
import { createHash, createPrivateKey, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { makeIssuer } from "../services/certificate-authority/custody/make-issuer.ts";
import type { CertificateRecord } from "../services/certificate-authority/domain/certificate.ts";
import type { RevocationEntry } from "../services/certificate-authority/domain/revocation.ts";
import { createRevocationLists } from "../services/certificate-authority/issuance/revocation-lists.ts";
import { openLedger } from "../services/certificate-authority/ledger/ledger.ts";
import { createSigner } from "../services/certificate-authority/signer/signer.ts";
import { systemClock } from "../services/shared/clock.ts";
import { createLogger } from "../services/shared/logging.ts";
import { readKubeconfig } from "../test/end-to-end/support/https-client.ts";
import { startFromSource } from "./bench/servers/from-source.ts";
import { percentile } from "./bench/statistics.ts";

const YEAR_SECONDS = 365 * 86_400;
const LISTS = 50;
const logger = createLogger({ level: "error" });
const clock = systemClock;

async function main(): Promise<void> {
  const [entries = 0, rounds = 0] = [process.argv[2] ?? "100000", process.argv[3] ?? "200"].map(Number);
  if (!Number.isSafeInteger(entries) || !Number.isSafeInteger(rounds) || entries < 0 || rounds < 1) {
    throw new Error("usage: node scripts/measure-revocation.ts [ENTRIES] [ROUNDS]");
  }
  await measureLists(entries);
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-revocation-"));
  try {
    await measureRefusals(directory, rounds);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measureLists(count: number): Promise<void> {
  const made = await makeIssuer({
    ...{ algorithm: "ecdsa-p256", commonName: "measured", lifetimeSeconds: YEAR_SECONDS, now: clock.now() },
  });
  const privateKey = createPrivateKey({ key: made.pkcs8Der, format: "der", type: "pkcs8" });
  const { certificateDer } = made;
  const issuerId = createHash("sha256").update(certificateDer).digest("hex");
  const signer = createSigner({ issuers: [{ certificateDer, privateKey }], workers: 1, clock, logger });
  const feed = Array.from({ length: count }, (_, index) => entryOf(issuerId, index + 1));
  let last = 0;
  const lists = createRevocationLists({
    revocations: {
      head: () => feed.length,
      ofIssuer: async (_, after, limit) => feed.slice(after, after + limit),
    },
    signer: signer.revocationLists,
    numbers: {
      last: () => last,
      record: async ({ number }) => {
        last = number;
      },
    },
    ...{ issuerIds: () => [issuerId], validitySeconds: 7 * 86_400, clock, logger },
  });
  const first = await timed(() => lists.current(issuerId));
  say(`CRL of ${count} entries, ${(first.result.der.length / 1e6).toFixed(2)} MB: first ${ms(first.milliseconds)}`);
  const times: number[] = [];
  for (let round = 0; round < LISTS; round += 1) {
    feed.push(entryOf(issuerId, feed.length + 1));
    times.push((await timed(() => lists.current(issuerId))).milliseconds);
  }
  say(`with one entry more, ${LISTS} times: ${spread(times)}`);
  await signer.close();
}

function entryOf(issuerId: string, sequence: number): RevocationEntry {
  const [serial, fingerprint] = [randomBytes(16).toString("hex"), randomBytes(32).toString("hex")];
  return {
    ...{ sequence, type: "revoked", fingerprint, serial, issuerId, nodeName: undefined, spkiSha256: fingerprint },
    ...{ notAfter: new Date(Date.now() + YEAR_SECONDS * 1000), reason: "keyCompromise", message: "", at: new Date() },
    by: "measure",
  };
}

async function measureRefusals(directory: string, rounds: number): Promise<void> {
  const serve = ["serve", "--data-dir", directory, "--listen", "127.0.0.1:0"];
  const first = await startFromSource(...serve);
  await first.stop();
  const fingerprints = await fill(join(directory, "gatehouse.db"), rounds);
  const server = await startFromSource(...serve);
  const kubeconfig = join(directory, "admin.kubeconfig");
  const state = ["--state-dir", join(directory, "state")];
  const follow = ["node-authorizer", "--listen", "127.0.0.1:0", "--authority", kubeconfig, ...state];
  const authorizer = await startFromSource(...follow);
  try {
    const { caPem, certificatePem, privateKeyPem } = readKubeconfig(kubeconfig).credentials;
    const revoke = poster(server.announced, { ca: caPem, cert: certificatePem, key: privateKeyPem });
    const authorize = poster(authorizer.announced, { rejectUnauthorized: false });
    await until(async () => !(await isRefused(authorize, fingerprints[0] ?? "")));
    const [fromOrder, fromAnswer]: [number[], number[]] = [[], []];
    for (const fingerprint of fingerprints) {
      const startedAt = performance.now();
      await revoke("/v1/revocations", { fingerprint, reason: "keyCompromise" });
      const answeredAt = performance.now();
      await until(() => isRefused(authorize, fingerprint));
      const refusedAt = performance.now();
      fromOrder.push(refusedAt - startedAt);
      fromAnswer.push(refusedAt - answeredAt);
    }
    say(`revocation to refusal through the feed, ${rounds} times: ${spread(fromOrder)}`);
    say(`of which after the order was acknowledged: ${spread(fromAnswer)}`);
  } finally {
    await authorizer.stop();
    await server.stop();
  }
}

/** Puts certificates on record, as if they had been issued. @returns their fingerprints. */
async function fill(file: string, count: number): Promise<readonly string[]> {
  const ledger = await openLedger({ file, clock, logger });
  const [issuer] = await ledger.issuers.list();
  const records = Array.from({ length: count }, (_, index) => certificateOf(issuer?.id ?? "", index));
  await Promise.all(records.map((record) => ledger.certificates.record(record)));
  await ledger.close();
  return records.map(({ fingerprint }) => fingerprint);
}

function certificateOf(issuerId: string, index: number): CertificateRecord {
  const der = randomBytes(500);
  const nodeName = `measured-${index}`;
  const none = { requestUid: undefined, requestName: undefined, requester: undefined, predecessor: undefined };
  return {
    ...{ serial: randomBytes(16).toString("hex"), fingerprint: createHash("sha256").update(der).digest("hex"), der },
    ...{ issuerId, signerName: "kubernetes.io/kube-apiserver-client-kubelet", nodeName, ...none },
    ...{ commonName: `system:node:${nodeName}`, organizations: ["system:nodes"], state: "issued" },
    sans: { dnsNames: [], emailAddresses: [], ipAddresses: [], uris: [] },
    spkiSha256: randomBytes(32).toString("hex"),
    ...{ notBefore: new Date(), issuedAt: new Date(), notAfter: new Date(Date.now() + YEAR_SECONDS * 1000) },
  };
}

type Post = (path: string, body: object) => Promise<unknown>;

function poster(url: string, options: object): Post {
  const agent = new Agent({ keepAlive: true, ...options });
  return async (path, body) => {
    const outgoing = request(`${url}${path}`, {
      method: "POST",
      agent,
      headers: { "content-type": "application/json" },
    });
    outgoing.end(JSON.stringify(body));
    const [answer] = await once(outgoing, "response");
    const content = await json(answer);
    if (answer.statusCode >= 300) throw new Error(`${path}: ${JSON.stringify(content)}`);
    return content;
  };
}

async function isRefused(authorize: Post, fingerprint: string): Promise<boolean> {
  const extra = { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] };
  const answer = await authorize("/authorize", {
    ...{ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview" },
    spec: {
      ...{ user: "system:node:measured", groups: ["system:nodes"], extra },
      resourceAttributes: { verb: "get", version: "v1", resource: "pods", namespace: "default", name: "a" },
    },
  });
  return (answer as { readonly status?: { readonly denied?: boolean } }).status?.denied === true;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly milliseconds: number }> {
  const startedAt = performance.now();
  const result = await work();
  return { result, milliseconds: performance.now() - startedAt };
}

function spread(times: readonly number[]): string {
  return `p50 ${ms(percentile(times, 50))}, p99 ${ms(percentile(times, 99))}`;
}

function ms(milliseconds: number): string {
  return `${milliseconds.toFixed(1)} ms`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

await main();
