import { BOUND_NODE_EXTRA } from "../../shared/user-info.ts";
import { type CsrFacts, NO_ALTERNATIVE_NAMES, NO_SUBJECT } from "../domain/csr-facts.ts";
import { requestOfDocument } from "../domain/request-of-document.ts";
import { requestedNodeName } from "../domain/requested-node.ts";
import {
  type PreviousCertificate,
  type ReviewDocument,
  type ReviewedBinding,
  reviewDocument,
} from "../domain/review-document.ts";
import { type Given, PolicyTestError } from "./case-file.ts";

/** A Monday morning, so that what does not speak of time is the same every day. */
const USUAL_NOW = "2026-01-05T10:00:00Z";
const USUAL_NODE = "worker-1";
const USUAL_USER = "jane";
const NODE_PREFIX = "system:node:";
const CLIENT_KUBELET = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING_KUBELET = "kubernetes.io/kubelet-serving";
const CLIENT = "kubernetes.io/kube-apiserver-client";
const DAY_MILLISECONDS = 86_400_000;

/**
 * Lays the pieces of a case over what is usual for its signer: a kubelet's first request for a client certificate, made
 * with a bootstrap token; a node's request for a serving certificate; a user's for a client certificate.
 *
 * @param facts - what the CSR says, when the case has one.
 * @throws {PolicyTestError} when pieces contradict each other.
 */
export function caseDocument(given: Given, facts: CsrFacts | undefined): ReviewDocument {
  const now = new Date(given.now ?? USUAL_NOW);
  const usual = usualParts(given, facts);
  const key = laid<ReviewDocument["key"]>(
    { algorithm: "ECDSA", bits: 0, curve: "P-256", spkiSha256: "ab".repeat(32) },
    given.key,
  );
  const draft: ReviewDocument = {
    ...{ apiVersion: "gatehouse.dev/v1", kind: "Review", isRehearsal: true, nodeName: "", boundNodeName: "" },
    now: now.toISOString(),
    request: laid({ ...usual.request, createdAt: now.toISOString() }, given.request),
    requester: withBinding(laid(usual.requester, given.requester), given.boundNodeName),
    subject: laid(facts?.subject ?? usual.subject, given.subject),
    sans: laid(usual.sans, given.sans),
    key: { ...key, curve: key.algorithm === "ECDSA" ? key.curve : "" },
    previous: [],
    binding: null,
  };
  const request = requestOfDocument(draft);
  const document = reviewDocument({ ...request, facts: facts ?? request.facts }, []);
  if (given.nodeName !== undefined && document.nodeName !== given.nodeName)
    throw new PolicyTestError(
      `given.nodeName is ${given.nodeName}, but the subject says ${document.subject.commonName}`,
    );
  const previous = (given.previous ?? []).map((each) => previousCertificate(each, now));
  return { ...document, previous, binding: given.binding === undefined ? null : bindingOf(given.binding, now) };
}

function usualParts(given: Given, facts: CsrFacts | undefined) {
  const { signerName = CLIENT_KUBELET } = given.request ?? {};
  const commonName = given.subject?.commonName ?? facts?.subject.commonName;
  const named = commonName === undefined ? undefined : requestedNodeName({ subject: { ...NO_SUBJECT, commonName } });
  const nodeName = given.nodeName ?? named ?? USUAL_NODE;
  const isForNode = [CLIENT_KUBELET, SERVING_KUBELET].includes(signerName) || given.nodeName !== undefined;
  const subject = isForNode
    ? { ...NO_SUBJECT, commonName: `${NODE_PREFIX}${nodeName}`, organization: ["system:nodes"] }
    : { ...NO_SUBJECT, commonName: USUAL_USER };
  const isServing = signerName === SERVING_KUBELET;
  const sans = isServing ? { ...NO_ALTERNATIVE_NAMES, dnsNames: [nodeName] } : NO_ALTERNATIVE_NAMES;
  const request = {
    ...{ name: "case", uid: "00000000-0000-4000-8000-000000000000", signerName, usages: usualUsages(signerName) },
    ...{ expirationSeconds: 0, labels: {}, annotations: {} },
  };
  return { subject, sans, request, requester: usualRequester(signerName, nodeName) };
}

function usualUsages(signerName: string): readonly string[] {
  if (signerName === SERVING_KUBELET) return ["digital signature", "server auth"];
  return [CLIENT, CLIENT_KUBELET].includes(signerName) ? ["digital signature", "client auth"] : [];
}

function usualRequester(signerName: string, nodeName: string): ReviewDocument["requester"] {
  const everybody = "system:authenticated";
  if (signerName === SERVING_KUBELET)
    return { username: `${NODE_PREFIX}${nodeName}`, uid: "", groups: ["system:nodes", everybody], extra: {} };
  if (signerName === CLIENT_KUBELET)
    return { username: "system:bootstrap:abcdef", uid: "", groups: ["system:bootstrappers", everybody], extra: {} };
  return { username: USUAL_USER, uid: "", groups: [everybody], extra: {} };
}

function withBinding(requester: ReviewDocument["requester"], boundNodeName: string | undefined) {
  if (boundNodeName === undefined) return requester;
  return { ...requester, extra: { ...requester.extra, [BOUND_NODE_EXTRA]: [boundNodeName] } };
}

/** What is not said: a machine that attested just now with a TPM, and is who asks. */
function bindingOf(given: NonNullable<Given["binding"]>, now: Date): ReviewedBinding {
  const usual: ReviewedBinding = {
    ...{ id: "00000000-0000-4000-8000-000000000001", attestor: "tpm2", machineId: "22".repeat(32), profile: "metal" },
    ...{ fields: {}, dnsNames: [], ipAddresses: [], attestedAt: now.toISOString() },
    ...{ isEnrolled: true, isRequester: true },
  };
  return laid(usual, given);
}

/** What is not said: valid since yesterday for a year, another key. */
function previousCertificate(given: NonNullable<Given["previous"]>[number], now: Date): PreviousCertificate {
  const inDays = (days: number): string => new Date(now.getTime() + days * DAY_MILLISECONDS).toISOString();
  const { notBefore = inDays(-1), sans, ...rest } = given;
  const usual: PreviousCertificate = {
    ...{ serial: "01", fingerprint: "00".repeat(32), state: "valid", spkiSha256: "11".repeat(32), requester: "" },
    ...{ notBefore, notAfter: inDays(364), issuedAt: notBefore, sans: laid(NO_ALTERNATIVE_NAMES, sans) },
  };
  return laid(usual, rest);
}

type Pieces<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** What is given lies over what is usual. */
function laid<T extends object>(usual: T, given: Pieces<T> = {}): T {
  return { ...usual, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}
