import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { buildCsr } from "../../../builders/csr.ts";
import { REQUESTS_PATH } from "../../support/certificate-requests-client.ts";
import type { HttpsClient } from "../../support/https-client.ts";
import type { AuthorityFiles } from "../../support/openssl-authority.ts";
import { JSON_HEADERS } from "../row.ts";
import { certificateFields } from "./certificate-fields.ts";
import type { SigningRow } from "./row.ts";

/** What became of an approved request: the fields of its certificate, or why there is none. */
export type Signed =
  | { readonly kind: "certificate"; readonly fields: ReturnType<typeof certificateFields> }
  | { readonly kind: "refused"; readonly why: readonly string[] };

/** A server that signs, as an administrator sees it. */
export interface SigningServer {
  readonly administrator: HttpsClient;
  readonly authority: AuthorityFiles;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}

/** As much of a CertificateSigningRequest, or of the Status that is answered instead, as is looked at. */
interface Request {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly status: { readonly certificate?: string; readonly conditions?: readonly Condition[] };
}

const LABEL = "conformance.test/signed";
const POLL_MILLISECONDS = 100;
const LIMIT_MILLISECONDS = 120_000;

/** A row with its request in base64. */
interface RowRequest {
  readonly row: SigningRow;
  readonly request: string;
}

/** The requests of rows; both servers get the same. */
export function buildRequests(rows: readonly SigningRow[]): readonly RowRequest[] {
  return rows.map((row) => ({ row, request: buildCsr(row.csr).requestBase64 }));
}

/**
 * Has one server sign every request, all of them approved at once; what became of them is in their order.
 *
 * @throws {Error} when some are neither signed nor refused after two minutes.
 */
export async function signAll(
  { administrator, authority }: SigningServer,
  requests: readonly RowRequest[],
): Promise<readonly Signed[]> {
  const { validToDate: issuerNotAfter } = new X509Certificate(readFileSync(authority.certificateFile));
  const earliest = new Date();
  const submitted = await Promise.all(requests.map((request) => submitApproved(administrator, request)));
  const names = submitted.filter((one) => typeof one === "string");
  const concluded = await conclusions(administrator, names);
  const making = { earliest, latest: new Date(), issuerNotAfter };
  return submitted.map((one) => {
    if (typeof one !== "string") return one;
    const { certificate, conditions = [] } = concluded.get(one)?.status ?? {};
    if (certificate === undefined) return { kind: "refused", why: conditions.map(conditionText).sort() };
    const pem = Buffer.from(certificate, "base64").toString("utf8");
    return { kind: "certificate", fields: certificateFields(pem, making) };
  });
}

function conditionText({ type, status, reason = "" }: Condition): string {
  return `${type} ${status} ${reason}`;
}

/** @returns the object's name; a refusal when it was not even taken. */
async function submitApproved(administrator: HttpsClient, { row, request }: RowRequest): Promise<string | Signed> {
  const { signer, usages, expirationSeconds } = row;
  const { status, body } = await send(administrator, "POST", REQUESTS_PATH, {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { generateName: "signed-", labels: { [LABEL]: "true" } },
    spec: { request, signerName: signer, usages, ...(expirationSeconds !== undefined && { expirationSeconds }) },
  });
  if (status !== 201) return { kind: "refused", why: [`${status}`] };
  const { resourceVersion: _, ...metadata } = (body as Request).metadata;
  const conditions = [{ type: "Approved", status: "True", reason: "Tested" }];
  const approved = { ...(body as Request), metadata, status: { conditions } };
  // Not taken when a rule was faster to deny: the object tells.
  await send(administrator, "PUT", `${REQUESTS_PATH}/${metadata.name}/approval`, approved);
  return metadata.name;
}

async function conclusions(
  administrator: HttpsClient,
  names: readonly string[],
): Promise<ReadonlyMap<string, Request>> {
  const path = `${REQUESTS_PATH}?labelSelector=${encodeURIComponent(LABEL)}`;
  const deadline = Date.now() + LIMIT_MILLISECONDS;
  for (;;) {
    const { items } = (await send(administrator, "GET", path)).body as { items: readonly Request[] };
    const concluded = new Map(items.filter(isConcluded).map((request) => [request.metadata.name, request]));
    const open = names.filter((name) => !concluded.has(name));
    if (open.length === 0) return concluded;
    if (Date.now() > deadline) throw new Error(`${open.length} requests are neither signed nor refused`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  }
}

function isConcluded({ status: { certificate, conditions = [] } }: Request): boolean {
  return certificate !== undefined || conditions.some(({ type }) => type === "Failed" || type === "Denied");
}

async function send(administrator: HttpsClient, method: string, path: string, body?: object) {
  const message = body === undefined ? {} : { headers: JSON_HEADERS, body: JSON.stringify(body) };
  const answer = await administrator.send(method, path, message);
  return { status: answer.status, body: JSON.parse(answer.body.toString("utf8")) as unknown };
}
