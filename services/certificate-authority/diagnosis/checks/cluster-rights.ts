import type { Finding } from "../../../shared/diagnosis/findings.ts";
import { error, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import { serviceAccountGroups, serviceAccountOf } from "../../access/service-account.ts";
import type { Configuration } from "../../configuration.ts";
import { LEGACY_UNKNOWN_SIGNER } from "../../domain/signer-name.ts";
import { OUR_SIGNERS } from "../../domain/signer-profile.ts";
import { introduce, review, withCluster } from "../cluster-reading.ts";
import type { Check, ExaminedCluster } from "../contract.ts";

/** A call to the API server, as authorizers are asked about it. */
interface Call {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

const CSR = { group: "certificates.k8s.io", resource: "certificatesigningrequests" } as const;

const PODS = "podcertificaterequests";

/** Whose requests the controller approves and signs; nobody can ask in version 1 for the legacy signer. */
export function wantedSigners({ cluster, signers }: Configuration): readonly string[] {
  const configured = signers.flatMap(({ signerName, profile }) => (profile === undefined ? [] : [signerName]));
  return cluster.signers ?? [...OUR_SIGNERS.filter((name) => name !== LEGACY_UNKNOWN_SIGNER), ...configured];
}

/** Whether one of the wanted signers signs for pods. */
export function servesPods(configuration: Configuration): boolean {
  const wanted = new Set(wantedSigners(configuration));
  return configuration.signers.some(({ signerName, profile }) => profile?.pods !== undefined && wanted.has(signerName));
}

function readsNodes({ approval }: Configuration): boolean {
  return approval.hooks.some((hook) => {
    const { "kubelet-serving": serving } = hook as { "kubelet-serving"?: { sources?: readonly object[] } };
    return serving?.sources?.some((source) => "nodeObject" in source) ?? false;
  });
}

/** Every call that `gatehouse controller` makes with this configuration, or that admission asks about when it does. */
export function neededCalls(configuration: Configuration): readonly Call[] {
  const { leaderElection, events, trustBundle } = configuration.cluster;
  const each = (verbs: readonly string[], call: Omit<Call, "verb">): readonly Call[] =>
    verbs.map((verb) => ({ verb, ...call }));
  const named = (call: Omit<Call, "verb" | "name">, name: string): readonly Call[] => [
    ...each(["create"], call),
    ...each(["get", "update"], { ...call, name }),
  ];
  const { configMap, clusterTrustBundle } = trustBundle;
  return [
    ...each(["get", "list", "watch", "delete"], CSR),
    ...each(["update"], { ...CSR, subresource: "approval" }),
    ...each(["update"], { ...CSR, subresource: "status" }),
    ...wantedSigners(configuration).flatMap((name) => each(["approve", "sign"], { ...CSR, resource: "signers", name })),
    { verb: "create", group: "authorization.k8s.io", resource: "subjectaccessreviews" },
    ...(leaderElection.enabled
      ? named(
          { group: "coordination.k8s.io", resource: "leases", namespace: leaderElection.namespace },
          leaderElection.name,
        )
      : []),
    ...(events === "none"
      ? []
      : [{ verb: "create", group: "events.k8s.io", resource: "events", namespace: "default" }]),
    ...(configMap ? named({ group: "", resource: "configmaps", namespace: configMap.namespace }, configMap.name) : []),
    ...(clusterTrustBundle === undefined ? [] : named({ ...CSR, resource: "clustertrustbundles" }, clusterTrustBundle)),
    ...(readsNodes(configuration) ? each(["get", "list", "watch"], { group: "", resource: "nodes" }) : []),
    ...(servesPods(configuration)
      ? [
          ...each(["get", "list", "watch"], { ...CSR, resource: PODS }),
          ...each(["update"], { ...CSR, resource: PODS, subresource: "status" }),
          // They are kept where the pods' requests are, in any namespace.
          ...(events === "none" ? [] : each(["create"], { group: "events.k8s.io", resource: "events" })),
        ]
      : []),
  ];
}

/** What the controller has no use for: what would make it worth taking over, and what other settings would need. */
function needlessCalls(configuration: Configuration): readonly Call[] {
  const rbac = "rbac.authorization.k8s.io";
  const wanted = new Set(wantedSigners(configuration));
  const others = [...OUR_SIGNERS.filter((name) => !wanted.has(name)), "example.com/of-nobody"];
  return [
    { verb: "*", group: "*", resource: "*" },
    { verb: "get", group: "", resource: "secrets" },
    { verb: "get", group: "", resource: "secrets", namespace: "kube-system" },
    { verb: "create", group: "", resource: "pods" },
    { verb: "create", group: "", resource: "serviceaccounts", subresource: "token" },
    { verb: "update", group: "", resource: "nodes" },
    { verb: "update", group: "", resource: "configmaps", namespace: "kube-system" },
    { verb: "impersonate", group: "", resource: "users" },
    { verb: "create", group: rbac, resource: "clusterrolebindings" },
    { verb: "escalate", group: rbac, resource: "clusterroles" },
    { verb: "create", ...CSR },
    ...others.flatMap((name) => ["approve", "sign"].map((verb) => ({ verb, ...CSR, resource: "signers", name }))),
    ...(readsNodes(configuration) ? [] : [{ verb: "list", group: "", resource: "nodes" }]),
    ...(servesPods(configuration) ? [] : [{ verb: "update", ...CSR, resource: PODS, subresource: "status" }]),
    ...(configuration.cluster.trustBundle.clusterTrustBundle === undefined
      ? [{ verb: "create", ...CSR, resource: "clustertrustbundles" }]
      : []),
  ];
}

export const clusterRights: Check = {
  id: "cluster.rights",
  title: "whether the controller may do everything that it does",
  needsCluster: true,
  run: (context) =>
    withCluster(context, async (cluster, configuration) => {
      const calls = neededCalls(configuration);
      const answers = await answersTo(cluster, calls);
      if (answers === undefined) return [unasked(cluster)];
      const who = await whoOf(cluster);
      const missing = calls.filter((_, index) => answers[index] === false);
      if (missing.length === 0) return [ok(who, `may do all of ${calls.length} calls`)];
      const wayOut =
        "kubectl apply -k config/kubernetes/rbac (static-pod where it is no pod of the cluster), and the component for the setting that needs it";
      return missing.map((call) => error(who, `may not ${wordsOf(call)}`, wayOut));
    }),
};

export const clusterExcess: Check = {
  id: "cluster.excess-rights",
  title: "whether the controller may do what it has no use for",
  needsCluster: true,
  run: (context) =>
    withCluster(context, async (cluster, configuration) => {
      const calls = needlessCalls(configuration);
      const answers = await answersTo(cluster, calls);
      if (answers === undefined) return [unasked(cluster)];
      const who = await whoOf(cluster);
      const needless = calls.filter((_, index) => answers[index] === true);
      if (needless.length === 0) return [ok(who, `may do none of ${calls.length} calls that it has no use for`)];
      const wayOut =
        "bind it to the roles of config/kubernetes/rbac alone; an administrator who asks names it with --controller-user";
      // Whoever may do everything may do all the others.
      const [everything] = needless.filter(({ resource }) => resource === "*");
      return (everything === undefined ? needless : [everything]).map((call) =>
        warning(who, `may ${wordsOf(call)}, for which it has no use`, wayOut),
      );
    }),
};

function unasked(cluster: ExaminedCluster): Finding {
  const reason = "the API server does not tell what may be done";
  const wayOut = "look as who may create subjectaccessreviews, or without --controller-user as the controller itself";
  return skipped(cluster.place, reason, wayOut);
}

async function whoOf(cluster: ExaminedCluster): Promise<string> {
  return cluster.controllerUser ?? (await introduce(cluster))?.username ?? "the controller";
}

/** Whether each call is allowed; undefined when one of the answers could not be had. */
async function answersTo(cluster: ExaminedCluster, calls: readonly Call[]): Promise<readonly boolean[] | undefined> {
  interface Answer {
    readonly status?: { readonly allowed?: boolean };
  }
  const { controllerUser: user } = cluster;
  const api = "/apis/authorization.k8s.io/v1";
  const answers = await Promise.all(
    calls.map((resourceAttributes) =>
      user === undefined
        ? review<Answer>(cluster, `${api}/selfsubjectaccessreviews`, "SelfSubjectAccessReview", { resourceAttributes })
        : review<Answer>(cluster, `${api}/subjectaccessreviews`, "SubjectAccessReview", {
            ...{ user, groups: groupsOf(user), resourceAttributes },
          }),
    ),
  );
  const known = answers.flatMap((answer) => (answer === undefined ? [] : [answer.status?.allowed === true]));
  return known.length === calls.length ? known : undefined;
}

function groupsOf(user: string): readonly string[] {
  const account = serviceAccountOf(user);
  return [...(account === undefined ? [] : serviceAccountGroups(account.namespace)), "system:authenticated"];
}

function wordsOf({ verb, group, resource, subresource, namespace, name }: Call): string {
  const what =
    [resource, ...(subresource === undefined ? [] : [subresource])].join("/") + (group === "" ? "" : `.${group}`);
  const which = name === undefined ? "" : ` ${name}`;
  return `${verb} ${what}${which}${namespace === undefined ? "" : ` in ${namespace}`}`;
}
