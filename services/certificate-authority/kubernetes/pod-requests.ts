import { X509Certificate } from "node:crypto";
import type { Clock } from "../../shared/clock.ts";
import { type ObjectMeta, toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../shared/status-error.ts";
import {
  type CertificateSigningRequest,
  CSR_API_VERSION,
  CSR_GROUP,
  CSR_KIND,
  type CsrCondition,
  type CsrStatus,
  conditionOf,
} from "../domain/certificate-signing-request.ts";
import { endOf } from "../domain/cluster-sync.ts";
import type { ConfiguredSigners } from "../domain/configured-signer.ts";
import {
  type Place,
  placeOf,
  podRecordName,
  requesterOfPod,
  USER_ANNOTATIONS_EXTRA,
} from "../domain/pod-certificate.ts";
import { type ClusterConnection, ClusterError } from "./cluster-connection.ts";
import type { RemoteRequests } from "./remote-requests.ts";
import { createRequestCache, type RequestCache, type SentObject } from "./request-cache.ts";

export const POD_REQUEST_API_VERSION = `${CSR_GROUP}/v1`;
export const POD_REQUEST_KIND = "PodCertificateRequest";

const RESOURCE = "podcertificaterequests";
/** Newest first. Of v1alpha1 (1.34), and of v1beta1 in 1.35, requests have no `stubPKCS10Request`. */
const VERSIONS = ["v1", "v1beta1"] as const;
/** How much of its lifetime has passed when a certificate is to be refreshed. */
const REFRESH_SHARE = 2 / 3;
/** Source: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go (ValidateCondition). */
const REASON = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const MAXIMUM_REASON_CHARACTERS = 1024;
const MAXIMUM_MESSAGE_CHARACTERS = 32_768;
const PEM_LINE = /.{1,64}/g;

/** A PodCertificateRequest as an API server sends it. Source: kubernetes staging/src/k8s.io/api/certificates/v1beta1/types.go. */
export interface SentPodRequest extends SentObject {
  readonly spec?: {
    readonly signerName: string;
    readonly podName: string;
    readonly podUID: string;
    readonly serviceAccountName: string;
    readonly serviceAccountUID: string;
    readonly nodeName: string;
    readonly nodeUID: string;
    readonly maxExpirationSeconds?: number;
    /** Base64 of a PKCS#10 in DER, empty but for its key; absent in requests of older kubelets. */
    readonly stubPKCS10Request?: string;
    readonly unverifiedUserAnnotations?: Readonly<Record<string, string>>;
  };
  readonly status?: { readonly conditions?: readonly CsrCondition[]; readonly certificateChain?: string };
}

/** The PodCertificateRequests of a cluster whose signers are ours. */
export interface PodRequests {
  readonly cache: RequestCache<SentPodRequest>;
  readonly remote: RemoteRequests;
  /** Where they are. @throws {Error} when the cluster does not serve them. */
  path(): Promise<string>;
}

/** @param configured - the signers; those with `pods` serve pods. */
export function podRequests(
  cluster: Pick<ClusterConnection, "send">,
  configured: ConfiguredSigners,
  clock: Clock,
): PodRequests {
  const cache = createRequestCache<SentPodRequest>((sent) => requestOfPod(sent, configured));
  let version: (typeof VERSIONS)[number] = VERSIONS[0];

  const pathOf = ({ namespace, name }: Place): string =>
    `/apis/${CSR_GROUP}/${version}/namespaces/${namespace}/${RESOURCE}/${encodeURIComponent(name)}`;

  async function path(): Promise<string> {
    for (const each of VERSIONS) {
      const found = `/apis/${CSR_GROUP}/${each}/${RESOURCE}`;
      try {
        await cluster.send("GET", `${found}?limit=1`);
        version = each;
        return found;
      } catch (error) {
        if (!(error instanceof ClusterError && error.code === 404)) throw error;
      }
    }
    throw new Error(`the cluster serves no ${RESOURCE}; enable the API, or leave pods out of the profiles of signers`);
  }

  async function readAgain(object: CertificateSigningRequest): Promise<void> {
    const place = placeOf(object.metadata.name);
    try {
      cache.put((await cluster.send("GET", pathOf(place))) as SentPodRequest);
    } catch (error) {
      if (!(error instanceof ClusterError && error.code === 404)) throw error;
      cache.forget(object.metadata.name);
    }
  }

  return {
    cache,
    path,
    remote: {
      get: (name) => cache.get(name),
      names: () => cache.names(),
      async write(object) {
        const place = placeOf(object.metadata.name);
        const { uid, resourceVersion } = object.metadata;
        const metadata = { ...place, uid, resourceVersion };
        const kind = { apiVersion: `${CSR_GROUP}/${version}`, kind: POD_REQUEST_KIND };
        const body = { ...kind, metadata, status: statusForPod(object, clock.now()) };
        try {
          cache.put((await cluster.send("PUT", `${pathOf(place)}/status`, body)) as SentPodRequest);
        } catch (error) {
          const code = error instanceof ClusterError ? error.code : 0;
          if (code === 404 || code === 409) await readAgain(object);
          if (code === 409) throw new StatusError("Conflict", (error as Error).message, { cause: error });
          if (code !== 404) throw error;
        }
      },
      async remove(name) {
        throw new StatusError("MethodNotAllowed", `${name} is a pod's request; the cluster deletes those by itself`);
      },
    },
  };
}

/**
 * A pod's request in the words of requests: asked for by the pod as its service account, and with the usages of its
 * signer's profile. What became of it is an approval with its certificate, a denial or a failure.
 *
 * @returns undefined when its signer is not ours, or it is of a kubelet before 1.36.
 */
function requestOfPod(
  { metadata, spec, status = {} }: SentPodRequest,
  configured: ConfiguredSigners,
): CertificateSigningRequest | undefined {
  const pods = spec && configured.get(spec.signerName)?.pods;
  if (metadata?.namespace === undefined || spec?.stubPKCS10Request === undefined || pods === undefined)
    return undefined;
  const { namespace, name } = metadata;
  const { signerName, podName: pod, podUID: podUid, serviceAccountName: serviceAccount, nodeName: node } = spec;
  const uids = { serviceAccount: spec.serviceAccountUID, node: spec.nodeUID };
  const { username, uid, groups, extra } = requesterOfPod({ namespace, pod, podUid, serviceAccount, node }, uids);
  const annotations = Object.keys(spec.unverifiedUserAnnotations ?? {});
  const expirationSeconds = spec.maxExpirationSeconds;
  return {
    ...{
      apiVersion: CSR_API_VERSION,
      kind: CSR_KIND,
      metadata: recordMetadata(metadata, podRecordName({ namespace, name })),
    },
    spec: {
      ...{ request: pemOf(spec.stubPKCS10Request), signerName, usages: pods.usages, username, uid, groups },
      ...(expirationSeconds !== undefined && { expirationSeconds }),
      extra: { ...extra, ...(annotations.length > 0 && { [USER_ANNOTATIONS_EXTRA]: annotations }) },
    },
    status: statusOfPod(status),
  };
}

function recordMetadata({ uid, resourceVersion, creationTimestamp }: ObjectMeta, name: string): ObjectMeta {
  return { name, uid, resourceVersion, creationTimestamp };
}

/** @returns base64 of the PEM, as `spec.request` carries it. */
function pemOf(derBase64: string): string {
  const lines = derBase64.match(PEM_LINE) ?? [];
  const text = `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
  return Buffer.from(text, "latin1").toString("base64");
}

function statusOfPod({ conditions = [], certificateChain }: NonNullable<SentPodRequest["status"]>): CsrStatus {
  const known = conditions.flatMap(({ type, status, reason, message, lastTransitionTime: time }): CsrCondition[] => {
    if (type !== "Issued" && type !== "Denied" && type !== "Failed") return [];
    const words = { ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) };
    const times = time === undefined ? {} : { lastUpdateTime: time, lastTransitionTime: time };
    return [{ type: type === "Issued" ? "Approved" : type, status, ...words, ...times }];
  });
  return {
    ...(known.length > 0 && { conditions: known }),
    ...(certificateChain && { certificate: Buffer.from(certificateChain, "utf8").toString("base64") }),
  };
}

/** What the signer writes, once. @throws when nothing became of the request yet. */
function statusForPod(object: CertificateSigningRequest, now: Date): object {
  const end = endOf(object.status);
  if (end === undefined) throw new Error(`nothing became of ${object.metadata.name} yet`);
  const { reason = "", message = "" } = conditionOf(object, end === "Issued" ? "Approved" : end) ?? {};
  const isReason = REASON.test(reason) && reason.length <= MAXIMUM_REASON_CHARACTERS;
  const condition = {
    ...{ type: end, status: "True", reason: isReason ? reason : end },
    ...{ message: message.slice(0, MAXIMUM_MESSAGE_CHARACTERS), lastTransitionTime: toKubernetesTime(now) },
  };
  const { certificate } = object.status;
  return { conditions: [condition], ...(certificate && issuedStatus(Buffer.from(certificate, "base64").toString())) };
}

function issuedStatus(certificateChain: string): object {
  const { validFrom, validTo } = new X509Certificate(certificateChain);
  const [notBefore, notAfter] = [Date.parse(validFrom), Date.parse(validTo)];
  const beginRefreshAt = notBefore + (notAfter - notBefore) * REFRESH_SHARE;
  const times = { notBefore, notAfter, beginRefreshAt };
  const told = Object.entries(times).map(([name, time]) => [name, toKubernetesTime(new Date(time))]);
  return { certificateChain, ...Object.fromEntries(told) };
}
