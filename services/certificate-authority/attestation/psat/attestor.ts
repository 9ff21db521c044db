import { isIP } from "node:net";
import { decodeJwt } from "jose";
import { boundAudience } from "../../../shared/attestation/bind.ts";
import { tokenProof } from "../../../shared/attestation/proofs.ts";
import type { Attestor, AttestorTools, Evidence, ProofInput } from "../attestor.ts";
import { noHello } from "../no-hello.ts";
import { denied } from "../refusal.ts";
import { ManagementCluster, type Pod, type TokenReview } from "./management-cluster.ts";
import type { PsatSettings } from "./settings.ts";

const USERNAME = /^system:serviceaccount:([^:]+):([^:]+)$/;
const UID = /^[-0-9a-zA-Z]{1,64}$/;
/** Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/serviceaccount/util.go. */
const POD_NAME = "authentication.kubernetes.io/pod-name";
const POD_UID = "authentication.kubernetes.io/pod-uid";
const NODE_NAME = "authentication.kubernetes.io/node-name";
const NODE_UID = "authentication.kubernetes.io/node-uid";
const ENDED_PHASES: ReadonlySet<unknown> = new Set(["Succeeded", "Failed"]);

/** Who a token was reviewed to be. */
interface BoundPod {
  readonly namespace: string;
  readonly account: string;
  readonly name: string;
  readonly uid: string;
  readonly nodeName: string | undefined;
  readonly nodeUid: string | undefined;
}

/**
 * Proves that a management cluster has made a token for this very attestation, for a pod that lives there now and runs as a
 * listed service account. The machine is that pod, say one that holds a virtual machine, or the node that the pod runs on.
 *
 * It does not prove more than that cluster knows: whoever may create tokens of that account, pods that run as it, or Node objects
 * there, is the machine. With `replayableAudience` a token counts that is not for this attestation.
 */
export function createPsatAttestor(settings: PsatSettings, { audience }: AttestorTools): Attestor {
  const cluster = new ManagementCluster(settings.kubeconfig, settings.timeoutSeconds);

  return {
    async verify(input: ProofInput): Promise<Evidence> {
      noHello.parse(input.hello);
      const { token } = tokenProof.parse(input.proof);
      const bound = boundAudience(audience, input.bind);
      const shown = onlyAudience(token);
      if (shown !== bound && shown !== settings.replayableAudience)
        throw denied("the token is not for this attestation: its audience is another");
      const reviewed = boundPod(await cluster.review(token, [shown], input.signal), shown);
      if (!settings.serviceAccounts.includes(`${reviewed.namespace}:${reviewed.account}`))
        throw denied(`the profile does not list the service account ${reviewed.namespace}:${reviewed.account}`);
      const pod = livePod(await cluster.pod(reviewed.namespace, reviewed.name, input.signal), reviewed);
      const nodeName = nodeOf(pod, reviewed);
      const nodeUid = settings.machine === "node" ? await uidOf(cluster, nodeName, reviewed, input.signal) : undefined;
      return evidenceOf(settings, reviewed, { pod, nodeName, nodeUid, isFresh: shown === bound });
    },
    close: () => cluster.close(),
  };
}

/**
 * The token's audience before anybody has checked the token; the review shows whether it is true. A token with several, such as
 * an API server's besides ours, is nobody's to show around.
 */
function onlyAudience(token: string): string {
  let audiences: unknown[];
  try {
    audiences = [decodeJwt(token).aud].flat();
  } catch (error) {
    throw denied("the token cannot be read", error);
  }
  const [only] = audiences;
  if (audiences.length !== 1 || typeof only !== "string") throw denied("the token does not have one audience");
  return only;
}

function boundPod({ authenticated, audiences, user }: TokenReview, wanted: string): BoundPod {
  if (authenticated !== true) throw denied("the management cluster does not know the token");
  // A server that knows nothing of audiences leaves them out, and has looked at none.
  if (audiences?.length !== 1 || audiences[0] !== wanted)
    throw denied("the management cluster does not say that the token is for this audience");
  const [, namespace, account] = USERNAME.exec(user?.username ?? "") ?? [];
  if (namespace === undefined || account === undefined) throw denied("the token is not a service account's");
  const extra = (key: string): string | undefined => {
    const values = user?.extra?.[key] ?? [];
    return values.length === 1 ? values[0] : undefined;
  };
  const [name, uid] = [extra(POD_NAME), extra(POD_UID)];
  if (!name || !uid) throw denied("the token is not bound to a pod");
  return { namespace, account, name, uid, nodeName: extra(NODE_NAME), nodeUid: extra(NODE_UID) };
}

function livePod(pod: Pod | undefined, { namespace, account, name, uid }: BoundPod): Pod {
  const which = `the pod ${namespace}/${name}`;
  if (pod === undefined) throw denied(`${which} is not there any more`);
  const { metadata, spec, status } = pod;
  if (metadata.uid !== uid || !UID.test(uid)) throw denied(`${which} is another one than the token's`);
  if (metadata.name !== name || metadata.namespace !== namespace) throw denied(`${which} was not what was answered`);
  if (metadata.deletionTimestamp) throw denied(`${which} is being deleted`);
  if (ENDED_PHASES.has(status?.phase)) throw denied(`${which} has ended`);
  if (spec.serviceAccountName !== account) throw denied(`${which} runs as another service account than the token's`);
  return pod;
}

function nodeOf({ spec, metadata }: Pod, { nodeName }: BoundPod): string {
  const name = spec.nodeName ?? "";
  if (name === "") throw denied(`the pod ${metadata.namespace}/${metadata.name} runs on no node`);
  if (nodeName !== undefined && nodeName !== name) throw denied("the token was made for the pod on another node");
  return name;
}

async function uidOf(
  cluster: ManagementCluster,
  name: string,
  { nodeUid }: BoundPod,
  signal: AbortSignal,
): Promise<string> {
  const node = await cluster.node(name, signal);
  if (node === undefined) throw denied(`the management cluster has no node ${name}`);
  const { uid } = node.metadata;
  if (node.metadata.name !== name || !UID.test(uid)) throw denied(`the node ${name} was not what was answered`);
  if (nodeUid !== undefined && nodeUid !== uid) throw denied(`the node ${name} is another one than the token's`);
  return uid;
}

interface Found {
  readonly pod: Pod;
  readonly nodeName: string;
  readonly nodeUid: string | undefined;
  readonly isFresh: boolean;
}

function evidenceOf({ cluster }: PsatSettings, bound: BoundPod, { pod, nodeName, nodeUid, isFresh }: Found): Evidence {
  const addresses = (pod.status?.podIPs ?? []).map(({ ip }) => ip).filter((address) => isIP(address) !== 0);
  return {
    machineId: nodeUid === undefined ? `psat:${cluster}/pod/${bound.uid}` : `psat:${cluster}/node/${nodeUid}`,
    pins: {},
    fields: {
      namespace: bound.namespace,
      service_account: bound.account,
      pod_name: bound.name,
      pod_uid: bound.uid,
      node_name: nodeName,
      ...(nodeUid !== undefined && { node_uid: nodeUid }),
    },
    ...(nodeUid === undefined && { sans: { dnsNames: [], ipAddresses: addresses } }),
    isFresh,
  };
}
