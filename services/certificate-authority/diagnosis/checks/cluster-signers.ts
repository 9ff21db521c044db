import type { Finding } from "../../../shared/diagnosis/findings.ts";
import { error, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import { isOurSigner } from "../../domain/signer-profile.ts";
import { introduce, list, withCluster } from "../cluster-reading.ts";
import type { Check } from "../contract.ts";
import { wantedSigners } from "./cluster-rights.ts";

/** What kube-controller-manager's flags call its three controllers of requests; aliases since the first versions. */
const CONTROLLERS = [
  { name: "certificatesigningrequest-approving-controller", alias: "csrapproving" },
  { name: "certificatesigningrequest-signing-controller", alias: "csrsigning" },
  { name: "certificatesigningrequest-cleaner-controller", alias: "csrcleaner" },
] as const;
const SIGNING = "certificatesigningrequest-signing-controller";
const CLEANING = "certificatesigningrequest-cleaner-controller";
const WAY_OUT = `kube-controller-manager --controllers=*,${CONTROLLERS.map(({ name }) => `-${name}`).join(",")}`;
const SIGNING_FLAGS =
  /^cluster-signing-(kubelet-serving-|kubelet-client-|kube-apiserver-client-|legacy-unknown-)?(cert|key)-file$/;

interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec?: {
    readonly containers?: readonly { readonly command?: readonly string[]; readonly args?: readonly string[] }[];
  };
}

export const clusterControllerManager: Check = {
  id: "cluster.controller-manager",
  title: "whether kube-controller-manager leaves requests alone, by its flags where they can be seen",
  needsCluster: true,
  run: (context) =>
    withCluster(context, async (cluster) => {
      const subject = "kube-controller-manager";
      const path = "/api/v1/namespaces/kube-system/pods?labelSelector=component%3Dkube-controller-manager";
      const found = await list<Pod>(cluster, subject, path);
      if (found.kind === "refused") return [found.finding];
      if (found.kind === "absent" || found.body.length === 0) {
        const reason = "no pod of it is there whose flags could be read; cluster.requests tells who writes to requests";
        return [skipped(subject, reason, `see on its machines that it runs with: ${WAY_OUT}`)];
      }
      return found.body.flatMap(podFindings);
    }),
};

function podFindings({ metadata, spec }: Pod): readonly Finding[] {
  const words = spec?.containers?.flatMap(({ command = [], args = [] }) => [...command, ...args]) ?? [];
  const flags = flagsOf(words);
  const active = CONTROLLERS.filter((controller) => isEnabled(controller, flags)).map(({ name }) => name);
  const subject = `pod ${metadata.name}`;
  if (active.length === 0) return [ok(subject, "its three controllers of requests are switched off")];
  return active.map((name) => {
    const wayOut = `set its flag, on every control-plane machine: ${WAY_OUT}`;
    // Both would delete the same requests by the same rules.
    return name === CLEANING
      ? warning(subject, `runs ${name} as well, or set cluster.clean to false here`, wayOut)
      : error(subject, `runs ${name} as well: two decide on each request`, wayOut);
  });
}

function flagsOf(words: readonly string[]): ReadonlyMap<string, string> {
  const flags = new Map<string, string>();
  for (const [index, word] of words.entries()) {
    const [, name, , value] = /^--?([^=]+)(=(.*))?$/s.exec(word) ?? [];
    if (name !== undefined) flags.set(name, value ?? words[index + 1] ?? "");
  }
  return flags;
}

/**
 * Sources: kubernetes staging/src/k8s.io/controller-manager/app/helper.go (IsControllerEnabled) and
 * cmd/kube-controller-manager/app/certificates.go: it signs nothing where it has no files to sign with.
 */
function isEnabled({ name, alias }: (typeof CONTROLLERS)[number], flags: ReadonlyMap<string, string>): boolean {
  const choices = (flags.get("controllers") ?? "*").split(",");
  const chosen = choices.find((choice) => [name, alias].some((one) => choice === one || choice === `-${one}`));
  const isChosen = chosen === undefined ? choices.includes("*") : !chosen.startsWith("-");
  const hasFiles = [...flags].some(([flag, value]) => SIGNING_FLAGS.test(flag) && value !== "");
  return isChosen && (name !== SIGNING || hasFiles);
}

interface Role {
  readonly metadata: { readonly name: string };
  readonly rules?: readonly Rule[] | null;
}

interface Rule {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface Binding {
  readonly metadata: { readonly name: string };
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[] | null;
}

/** What cannot be taken from administrators, and what kube-apiserver makes anew at each of its starts. */
const STOCK_ROLES = new Set(["cluster-admin", "system:controller:certificate-controller"]);
const EVERYBODY = new Set([
  "system:authenticated",
  "system:unauthenticated",
  "system:anonymous",
  "system:serviceaccounts",
]);

export const clusterApprovers: Check = {
  id: "cluster.approvers",
  title: "who else may approve or sign for our signers, and whose first joins are approved without a person",
  needsCluster: true,
  run: (context) =>
    withCluster(context, async (cluster, configuration) => {
      const rbac = "/apis/rbac.authorization.k8s.io/v1";
      const roles = await list<Role>(cluster, "ClusterRoles", `${rbac}/clusterroles`);
      const bindings = await list<Binding>(cluster, "ClusterRoleBindings", `${rbac}/clusterrolebindings`);
      for (const reading of [roles, bindings]) if (reading.kind === "refused") return [reading.finding];
      if (roles.kind !== "read" || bindings.kind !== "read") return [skipped("RBAC", "the cluster does not use it")];
      const powers = new Map(
        roles.body.map((role) => [role.metadata.name, powersOf(role, wantedSigners(configuration))]),
      );
      const ours = cluster.controllerUser ?? (await introduce(cluster))?.username ?? "";
      const found = bindings.body
        .filter(({ roleRef }) => !STOCK_ROLES.has(roleRef.name))
        .flatMap((binding) => bindingFindings(binding, powers.get(binding.roleRef.name) ?? [], ours));
      return found.length > 0 ? found : [ok("ClusterRoleBindings", "nobody else approves or signs for our signers")];
    }),
};

/** What a role lets its holders do with requests of our signers, in words. */
function powersOf({ rules }: Role, signers: readonly string[]): readonly string[] {
  const mayFor = (verb: string): readonly string[] =>
    signers.filter((signer) => (rules ?? []).some((rule) => covers(rule, verb, "signers", signer)));
  const may = (verb: string, resource: string): boolean => (rules ?? []).some((rule) => covers(rule, verb, resource));
  const approves = mayFor("approve");
  const signs = mayFor("sign");
  return [
    ...(approves.length > 0 && may("update", "certificatesigningrequests/approval")
      ? [`approve for ${shortly(approves)}`]
      : []),
    ...(signs.length > 0 && may("update", "certificatesigningrequests/status") ? [`sign for ${shortly(signs)}`] : []),
    ...(may("create", "certificatesigningrequests/nodeclient")
      ? ["have any first join approved without a person"]
      : []),
  ];
}

function shortly(signers: readonly string[]): string {
  return signers.map((name) => (isOurSigner(name) ? name.slice(name.indexOf("/") + 1) : name)).join(", ");
}

/** Source: kubernetes plugin/pkg/admission/certificates: a signer's name, or `<domain>/*` to the letter. */
function covers(
  { verbs = [], apiGroups = [], resources = [], resourceNames = [] }: Rule,
  verb: string,
  resource: string,
  name?: string,
): boolean {
  const names = name === undefined ? [] : [name, `${name.split("/")[0]}/*`];
  const [, subresource] = resource.split("/");
  const ways = ["*", resource, ...(subresource === undefined ? [] : [`*/${subresource}`])];
  return (
    [verb, "*"].some((one) => verbs.includes(one)) &&
    ["certificates.k8s.io", "*"].some((one) => apiGroups.includes(one)) &&
    ways.some((one) => resources.includes(one)) &&
    (resourceNames.length === 0 || names.some((one) => resourceNames.includes(one)))
  );
}

function bindingFindings({ metadata, subjects }: Binding, powers: readonly string[], ours: string): readonly Finding[] {
  const wayOut = `meant? Keep it. Otherwise: kubectl delete clusterrolebinding ${metadata.name}`;
  return (subjects ?? []).flatMap(({ kind, name, namespace }) => {
    const user = kind === "ServiceAccount" ? `system:serviceaccount:${namespace}:${name}` : name;
    if (user === ours) return [];
    return powers.map((power) => {
      const text = `may ${power} (ClusterRoleBinding ${metadata.name})`;
      const subject = `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
      return EVERYBODY.has(name) ? error(subject, text, wayOut) : warning(subject, text, wayOut);
    });
  });
}
