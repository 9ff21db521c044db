import { buildCsr } from "../../builders/csr.ts";
import { Administrator } from "./administrator.ts";
import type { GatehouseProcess } from "./gatehouse-process.ts";
import { readKubeconfig } from "./https-client.ts";
import { KubeletClient, type NodeCertificate, type SubmittedKey } from "./kubelet-client.ts";

/** Everything that a server acknowledged to its clients. */
export interface Acknowledged {
  /** Requests whose submission was answered, with what is needed to go on waiting for them. */
  readonly submitted: (SubmittedKey & { readonly nodeName: string })[];
  /** Certificates that reached their node. */
  readonly received: NodeCertificate[];
  /** Names of requests whose approval by a person was answered. */
  readonly approved: string[];
  /** Ids of tokens whose creation was answered. */
  readonly tokens: string[];
}

export interface JoinLoad {
  readonly acknowledged: Acknowledged;
  /** Resolves when this many submissions were answered. */
  submissions(count: number): Promise<void>;
  /** From now on errors are expected; resolves when no client does anything more. */
  end(): Promise<void>;
}

const ADMINISTRATORS = 3;

let nodes = 0;

/**
 * Lets clients join one new node after the other, all at the same time, while administrators make tokens and approve
 * requests. Any error before `end` makes `end` and `submissions` reject.
 */
export function startJoinLoad(gatehouse: GatehouseProcess, clients: number): JoinLoad {
  const acknowledged: Acknowledged = { submitted: [], received: [], approved: [], tokens: [] };
  let ended = false;
  const untilEnd = async (work: () => Promise<void>): Promise<void> => {
    try {
      while (!ended) await work();
    } catch (error) {
      if (!ended) throw error;
    }
  };
  const joins = Array.from({ length: clients }, () => untilEnd(() => joinOnce(gatehouse, acknowledged)));
  const people = Array.from({ length: ADMINISTRATORS }, () => untilEnd(() => administerOnce(gatehouse, acknowledged)));
  const all = Promise.all([...joins, ...people]);
  // Whoever waits sees a failure; without this the process would see it first.
  all.catch(() => undefined);
  return {
    acknowledged,
    submissions: async (count) => {
      while (acknowledged.submitted.length < count) await Promise.race([all, pause(2)]);
    },
    end: async () => {
      ended = true;
      await all;
    },
  };
}

async function joinOnce(gatehouse: GatehouseProcess, { submitted, received }: Acknowledged): Promise<void> {
  nodes += 1;
  const nodeName = `node-${nodes}`;
  const bootstrap = readKubeconfig(gatehouse.bootstrapKubeconfig);
  const kubelet = new KubeletClient({ ...bootstrap, nodeName, rotateCertificates: nodes % 2 === 0 });
  try {
    const own = await kubelet.submit();
    submitted.push({ ...own, nodeName });
    received.push(await kubelet.waitFor(own));
  } finally {
    kubelet.close();
  }
}

async function administerOnce(gatehouse: GatehouseProcess, { approved, tokens }: Acknowledged): Promise<void> {
  const administrator = new Administrator(gatehouse.adminKubeconfig);
  try {
    tokens.push((await administrator.createToken({ ttlSeconds: 86_400 })).id);
    const { requestBase64: request } = buildCsr({ commonName: "jane", organizations: ["developers"] });
    const spec = { request, signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"] };
    const { metadata } = await administrator.submit({ metadata: { generateName: "jane-" }, spec });
    approved.push((await administrator.approve(metadata.name)).metadata.name);
  } finally {
    administrator.close();
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
