import {
  type CertificateSigningRequest,
  conditionOf,
} from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { CertificateRequestsClient, RequestEvent } from "./certificate-requests-client.ts";

/**
 * How a client follows its request: kubelets up to 1.34 list and then watch, those from 1.35 on have the watch begin
 * with the state. The newer ones fall back to the older way when refused, which here would hide a failure.
 */
export type Waiting = "sendInitialEvents" | "listThenWatch";

/** The request that was submitted, as the answer to the submission named it. */
export interface Submitted {
  readonly name: string;
  readonly uid: string;
}

const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/** The request came to nothing; a kubelet would give up or start over. */
class RequestLostError extends Error {
  override readonly name = "RequestLostError";
}

/**
 * Waits for a request's certificate as a kubelet does.
 *
 * @returns the certificate, PEM.
 * @throws {RequestLostError} when it was denied, failed, deleted or replaced; RefusedError when the list or watch is.
 * Source: kubernetes staging/src/k8s.io/client-go/util/certificate/csr/csr.go and tools/cache/reflector.go.
 */
export async function waitForCertificate(
  client: CertificateRequestsClient,
  submitted: Submitted,
  waiting: Waiting,
  limit: AbortSignal,
): Promise<string> {
  const selected = { fieldSelector: `metadata.name=${submitted.name}` };
  await client.list(selected);
  const follow = waiting === "sendInitialEvents" ? withInitialEvents : listThenWatch;
  const certificatePem = await follow(client, submitted, selected, limit);
  if (certificatePem !== undefined) return certificatePem;
  throw new Error(`the watch for ${submitted.name} ended without its certificate`);
}

const WATCH = { allowWatchBookmarks: "true", timeout: "7m19s", timeoutSeconds: "439" };

type Follow = (
  client: CertificateRequestsClient,
  submitted: Submitted,
  selected: Readonly<Record<string, string>>,
  limit: AbortSignal,
) => Promise<string | undefined>;

/** Nothing is looked at before the bookmark that ends the initial state, as the reflector does it. */
const withInitialEvents: Follow = async (client, submitted, selected, limit) => {
  const parameters = { ...WATCH, ...selected, resourceVersionMatch: "NotOlderThan", sendInitialEvents: "true" };
  let held: RequestEvent[] | undefined = [];
  for await (const event of client.watch(parameters, limit)) {
    if (held !== undefined && !isInitialEnd(event)) {
      held.push(event);
      continue;
    }
    for (const ready of [...(held ?? []), event]) {
      const certificatePem = accept(ready, submitted);
      if (certificatePem !== undefined) return certificatePem;
    }
    held = undefined;
  }
  return undefined;
};

const listThenWatch: Follow = async (client, submitted, selected, limit) => {
  const list = await client.list({ ...selected, limit: "500", resourceVersion: "0" });
  for (const object of list.items) {
    const certificatePem = accept({ type: "ADDED", object }, submitted);
    if (certificatePem !== undefined) return certificatePem;
  }
  const parameters = { ...WATCH, ...selected, resourceVersion: list.metadata.resourceVersion };
  for await (const event of client.watch(parameters, limit)) {
    const certificatePem = accept(event, submitted);
    if (certificatePem !== undefined) return certificatePem;
  }
  return undefined;
};

function isInitialEnd({ type, object }: RequestEvent): boolean {
  return type === "BOOKMARK" && object.metadata.annotations?.[INITIAL_EVENTS_END] === "true";
}

/** A kubelet's rules for what it sees of its request. */
function accept({ type, object }: RequestEvent, submitted: Submitted): string | undefined {
  if (type === "BOOKMARK") return undefined;
  if (type !== "ADDED" && type !== "MODIFIED") throw new RequestLostError(`${submitted.name}: a ${type} event`);
  return certificateOf(object, submitted);
}

/** @throws {RequestLostError} when the object is another one, or was denied or failed. */
function certificateOf(csr: CertificateSigningRequest, { name, uid }: Submitted): string | undefined {
  if (csr.metadata.uid !== uid) throw new RequestLostError(`${name}: uid ${csr.metadata.uid} is not ${uid}`);
  for (const type of ["Denied", "Failed"]) {
    const condition = conditionOf(csr, type);
    if (condition !== undefined)
      throw new RequestLostError(`${name}: ${type}: ${condition.reason}: ${condition.message}`);
  }
  const certificate = csr.status.certificate;
  if (conditionOf(csr, "Approved") === undefined || !certificate) return undefined;
  return Buffer.from(certificate, "base64").toString("utf8");
}
