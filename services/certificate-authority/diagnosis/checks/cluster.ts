import type { Finding } from "../../../shared/diagnosis/findings.ts";
import { error, messageOf, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import type { Configuration } from "../../configuration.ts";
import { introduce, list, read, withCluster } from "../cluster-reading.ts";
import type { Check, ExaminedCluster } from "../contract.ts";
import { servesPods } from "./cluster-rights.ts";

/** What certificates are backdated by: a clock that is more ahead than this signs what is not valid there yet. */
const BACKDATE_SECONDS = 300;
/** The API server says whole seconds, and the way takes some. */
const TOLERATED_SECONDS = 5;
const SET_CLOCK = "set the clocks of both machines (timedatectl set-ntp true), then look again";

export const clusterReachable: Check = {
  id: "cluster.reachable",
  title: "whether the cluster's API server answers, which version it is and who we are to it",
  needsCluster: true,
  async run({ cluster }) {
    if (cluster === undefined) return [skipped("cluster", "no cluster is named; give --cluster [KUBECONFIG]")];
    const credentials = "renew the credentials in the kubeconfig; it is read again every ten seconds";
    try {
      const { status, message, body } = await cluster.ask("GET", "/version");
      if (status === 401) return [error(cluster.place, `does not know us: ${message}`, credentials)];
      if (status >= 300)
        return [error(cluster.place, message || `answered ${status}`, "look into the API server's log")];
      const { gitVersion = "of an unknown version" } = Object(body) as { gitVersion?: string };
      const username = (await introduce(cluster))?.username;
      if (username === "system:anonymous") return [error(cluster.place, "takes us for anybody", credentials)];
      const who = username === undefined ? "it does not tell who we are" : `we are ${username}`;
      return [ok(cluster.place, `Kubernetes ${gitVersion}; ${who}`)];
    } catch (thrown) {
      const wayOut = "correct the address and the CA in the kubeconfig, or the network between here and there";
      return [error(cluster.place, messageOf(thrown), wayOut)];
    }
  },
};

export const clusterClock: Check = {
  id: "cluster.clock",
  title: "this machine's clock against the API server's",
  needsCluster: true,
  run: (context) =>
    withCluster(context, async (cluster) => {
      const { clock } = context;
      const before = clock.now().getTime();
      const introduction = await introduce(cluster);
      if (introduction === undefined)
        return [skipped(cluster.place, "does not tell its time (before Kubernetes 1.28)")];
      const middle = (before + clock.now().getTime()) / 2;
      const seconds = Math.round((introduction.now.getTime() - middle) / 1000);
      const text = `its clock is ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} this machine's`;
      if (Math.abs(seconds) <= TOLERATED_SECONDS) return [ok(cluster.place, "both clocks agree")];
      if (Math.abs(seconds) < BACKDATE_SECONDS) return [warning(cluster.place, text, SET_CLOCK)];
      return [
        error(cluster.place, `${text}: what is signed here is not valid there at once, or ends early`, SET_CLOCK),
      ];
    }),
};

/** An API that the controller uses, in any of these versions. */
interface UsedApi {
  readonly group: string;
  readonly versions: readonly string[];
  readonly resources: readonly string[];
  readonly wayOut: string;
}

const UPGRADE = "upgrade the cluster";

function usedApis(configuration: Configuration): readonly UsedApi[] {
  const { leaderElection, events, trustBundle } = configuration.cluster;
  const csrs = [
    "certificatesigningrequests",
    "certificatesigningrequests/approval",
    "certificatesigningrequests/status",
  ];
  const v1 = ["v1"];
  return [
    { group: "certificates.k8s.io", versions: v1, resources: csrs, wayOut: UPGRADE },
    { group: "authorization.k8s.io", versions: v1, resources: ["subjectaccessreviews"], wayOut: UPGRADE },
    ...(leaderElection.enabled
      ? [{ group: "coordination.k8s.io", versions: v1, resources: ["leases"], wayOut: UPGRADE }]
      : []),
    ...(events === "none" ? [] : [{ group: "events.k8s.io", versions: v1, resources: ["events"], wayOut: UPGRADE }]),
    ...(servesPods(configuration)
      ? [
          {
            group: "certificates.k8s.io",
            versions: ["v1", "v1beta1"],
            resources: ["podcertificaterequests", "podcertificaterequests/status"],
            wayOut:
              "kube-apiserver --feature-gates=PodCertificateRequest=true --runtime-config=certificates.k8s.io/v1beta1=true, or leave pods out of the signers' profiles",
          },
        ]
      : []),
    ...(trustBundle.clusterTrustBundle === undefined
      ? []
      : [
          {
            group: "certificates.k8s.io",
            versions: ["v1", "v1beta1", "v1alpha1"],
            resources: ["clustertrustbundles"],
            wayOut:
              "kube-apiserver --feature-gates=ClusterTrustBundle=true --runtime-config=certificates.k8s.io/v1beta1=true, or leave cluster.trustBundle.clusterTrustBundle out",
          },
        ]),
  ];
}

export const clusterApis: Check = {
  id: "cluster.apis",
  title: "whether the cluster serves the APIs that the controller uses",
  needsCluster: true,
  run: (context) =>
    withCluster(context, async (cluster, configuration) => {
      const all = usedApis(configuration).map((api) => apiFindings(cluster, api));
      return (await Promise.all(all)).flat();
    }),
};

async function apiFindings(
  cluster: ExaminedCluster,
  { group, versions, resources, wayOut }: UsedApi,
): Promise<readonly Finding[]> {
  interface Resources {
    readonly resources?: readonly { readonly name: string }[];
  }
  let refusal: Finding | undefined;
  for (const version of versions) {
    const found = await read<Resources>(cluster, group, `/apis/${group}/${version}`);
    if (found.kind === "refused") refusal = found.finding;
    if (found.kind !== "read") continue;
    const names = new Set(found.body.resources?.map(({ name }) => name));
    if (resources.every((name) => names.has(name)))
      return [ok(`${group}/${version}`, `serves ${resources.join(", ")}`)];
  }
  if (refusal !== undefined) return [refusal];
  return [error(group, `${versions.join(" or ")} with ${resources.join(", ")} is not served`, wayOut)];
}

interface Lease {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly renewTime?: string;
    readonly leaseDurationSeconds?: number;
  };
}

export const clusterLeader: Check = {
  id: "cluster.leader",
  title: "whether a replica of the controller leads, and renews its Lease",
  needsCluster: true,
  run: (context) =>
    withCluster(context, async (cluster, { cluster: { leaderElection } }) => {
      const { enabled, namespace, name, leaseDurationSeconds } = leaderElection;
      const subject = `Lease ${namespace}/${name}`;
      if (!enabled)
        return [
          warning(
            "cluster.leaderElection",
            "is off: a second replica would sign too",
            "run one replica, or switch it on",
          ),
        ];
      const start = "start the controller; it says in its log why it does not lead";
      const found = await read<Lease>(
        cluster,
        subject,
        `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`,
      );
      if (found.kind === "refused") return [found.finding];
      if (found.kind === "absent") return [error(subject, "is not there: no controller has ever led", start)];
      const {
        holderIdentity = "",
        renewTime = "",
        leaseDurationSeconds: lasts = leaseDurationSeconds,
      } = found.body.spec ?? {};
      if (holderIdentity === "") return [error(subject, "is held by nobody: requests wait", start)];
      // The holder wrote its own time, so a clock that is wrong shows here as well.
      const now = (await introduce(cluster))?.now ?? context.clock.now();
      const seconds = Math.round((now.getTime() - new Date(renewTime).getTime()) / 1000);
      const text = `is held by ${holderIdentity}, renewed ${Math.abs(seconds)} s ${seconds < 0 ? "ahead of the API server's clock" : "ago"}`;
      if (Number.isNaN(seconds)) return [error(subject, `is held by ${holderIdentity}, who never renewed it`, start)];
      if (seconds < -TOLERATED_SECONDS - lasts) return [warning(subject, text, SET_CLOCK)];
      if (seconds > lasts + TOLERATED_SECONDS)
        return [error(subject, `${text}: it leads no more, or its clock is behind`, start)];
      return [ok(subject, text)];
    }),
};

interface Webhook {
  readonly name: string;
  readonly failurePolicy?: string;
  readonly clientConfig?: {
    readonly url?: string;
    readonly service?: { readonly namespace: string; readonly name: string };
  };
  readonly rules?: readonly {
    readonly apiGroups?: readonly string[];
    readonly resources?: readonly string[];
  }[];
}

interface WebhookConfiguration {
  readonly kind?: string;
  readonly metadata: { readonly name: string };
  readonly webhooks?: readonly Webhook[];
}

export const clusterWebhooks: Check = {
  id: "cluster.webhooks",
  title: "admission webhooks that requests pass, and whether anybody answers for them",
  needsCluster: true,
  run: (context) =>
    withCluster(context, async (cluster) => {
      const kinds = ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"];
      const all = await Promise.all(
        kinds.map(async (kind) => {
          const path = `/apis/admissionregistration.k8s.io/v1/${kind}`;
          const found = await list<WebhookConfiguration>(cluster, kind, path);
          if (found.kind === "refused") return [found.finding];
          const webhooks = found.kind === "absent" ? [] : found.body.flatMap(({ webhooks = [] }) => webhooks);
          return Promise.all(webhooks.filter(seesRequests).map((webhook) => webhookFindings(cluster, webhook)));
        }),
      );
      const found = all.flat();
      return found.length > 0 ? found : [ok("admission webhooks", "none is asked about requests")];
    }),
};

function seesRequests({ rules = [] }: Webhook): boolean {
  return rules.some(
    ({ apiGroups = [], resources = [] }) =>
      apiGroups.some((group) => group === "*" || group === "certificates.k8s.io") &&
      resources.some((resource) =>
        /^(\*|\*\/\*|certificatesigningrequests(\/.*)?|\*\/(approval|status))$/.test(resource),
      ),
  );
}

async function webhookFindings(
  cluster: ExaminedCluster,
  { name, failurePolicy = "Fail", clientConfig = {} }: Webhook,
): Promise<Finding> {
  const subject = `webhook ${name}`;
  const isStrict = failurePolicy === "Fail";
  if (clientConfig.service === undefined) {
    const text = `requests pass ${clientConfig.url ?? "an unknown address"}, which the API server asks`;
    return isStrict
      ? warning(
          subject,
          `${text}; while it is away nothing is approved or signed`,
          "see that it is as available as the API server",
        )
      : ok(subject, text);
  }
  const { namespace, name: service } = clientConfig.service;
  interface Slice {
    readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean } }[];
  }
  const label = encodeURIComponent(`kubernetes.io/service-name=${service}`);
  const found = await list<Slice>(
    cluster,
    subject,
    `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=${label}`,
  );
  if (found.kind === "refused") return found.finding;
  const endpoints = found.kind === "absent" ? [] : found.body.flatMap(({ endpoints = [] }) => endpoints);
  // Not said counts as ready: kubernetes staging/src/k8s.io/api/discovery/v1/types.go.
  if (endpoints.some(({ conditions }) => conditions?.ready !== false))
    return ok(subject, `requests pass Service ${namespace}/${service}, which has pods that are ready`);
  const text = `Service ${namespace}/${service} has no pod that is ready`;
  if (!isStrict) return warning(subject, `${text}; it is passed over`, "start it, or remove its configuration");
  return error(subject, `${text}: nothing can be approved or signed`, "start it, or take requests out of its rules");
}
