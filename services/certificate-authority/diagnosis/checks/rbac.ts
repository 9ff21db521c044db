import { error, type Finding, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import { bindingObjectOf, roleObjectOf } from "../../access/rbac/api-objects.ts";
import { objectKey, type RbacObject, type RbacSubject } from "../../access/rbac/objects.ts";
import { compilePolicy, type RbacPolicy, requireRoles } from "../../access/rbac/policy.ts";
import { RbacObjectsError, readRbacFiles } from "../../access/rbac/read-objects.ts";
import { STOCK_OBJECTS } from "../../access/rbac/stock-objects.ts";
import { serviceAccountUsername } from "../../access/service-account.ts";
import { type AccessAttributes, ADMINISTRATORS_GROUP } from "../../domain/authorization.ts";
import { OUR_SIGNERS } from "../../domain/signer-profile.ts";
import type { Check, CheckContext } from "../contract.ts";
import { withConfiguration } from "../with-configuration.ts";

const CSR_GROUP = "certificates.k8s.io";
/** Whoever has these may do everything anyway. */
const ADMINISTRATORS: ReadonlySet<string> = new Set([`Group ${ADMINISTRATORS_GROUP}`, "Group system:masters"]);

type Loaded =
  | { readonly files: readonly RbacObject[]; readonly stored: readonly RbacObject[]; readonly policy: RbacPolicy }
  | { readonly problems: readonly string[] };

export const rbacObjects: Check = {
  id: "rbac.objects",
  title: "RBAC objects: files parse, and every binding's role exists",
  run: (context) =>
    withConfiguration(context, "rbac.files", async ({ rbac: { files } }) => {
      const loaded = await load(files, context);
      if ("problems" in loaded)
        return loaded.problems.map((problem) =>
          error("rbac.files", problem, "correct the file; the server does not start"),
        );
      const dangling = danglingBindings(loaded);
      if (dangling.length > 0) {
        const wayOut = "make the role, or: kubectl delete clusterrolebinding NAME";
        return dangling.map((problem) => warning("stored bindings", `${problem}: it grants nothing`, wayOut));
      }
      const { length } = loaded.files;
      return [ok("rbac.files", `${length} objects in ${files.length} files, ${loaded.stored.length} stored ones`)];
    }),
};

function danglingBindings({ files, stored }: Extract<Loaded, { readonly policy: RbacPolicy }>): readonly string[] {
  return problemsOf(() => requireRoles(stored, inForce(stored, files))) ?? [];
}

export const automaticApproval: Check = {
  id: "rbac.automatic-approval",
  title: "whose requests are approved without a person",
  run: (context) =>
    withPolicy(context, (subjects, policy, hooks) => {
      if (!hooks.includes("kubelet-client"))
        return [ok("approval.hooks", "kubelet-client is not among them: every approval is a person's")];
      const found = subjects.flatMap((subject) => automaticFindings(subject, policy));
      return found.length > 0 ? found : [ok("rbac", "a first join waits for a person; nodes renew by themselves")];
    }),
};

/** A less safe choice: whoever holds such a credential gets a certificate for any node name that is not taken. */
function automaticFindings(subject: RbacSubject, policy: RbacPolicy): readonly Finding[] {
  const ask = (subresource: string) =>
    policy.decide(userOf(subject), { ...CSR, verb: "create", resource: "certificatesigningrequests", subresource });
  const first = ask("nodeclient");
  if (!first.allowed) return [];
  return [
    warning(
      shown(subject),
      `first joins are approved without a person (${first.reason})`,
      "meant? Keep it. Otherwise take the binding away and approve with kubectl certificate approve",
    ),
  ];
}

export const signerPermissions: Check = {
  id: "rbac.signers",
  title: "who besides administrators may approve or sign for kubernetes.io/*",
  run: (context) =>
    withPolicy(context, (subjects, policy) => {
      const found = subjects.flatMap((subject) => permissionFindings(subject, policy));
      return found.length > 0 ? found : [ok("rbac", "administrators only")];
    }),
};

function permissionFindings(subject: RbacSubject, policy: RbacPolicy): readonly Finding[] {
  return (["approve", "sign"] as const).flatMap((verb) => {
    const allowed = OUR_SIGNERS.map((name) => ({
      name,
      ...policy.decide(userOf(subject), { ...CSR, verb, resource: "signers", name }),
    })).filter((decision) => decision.allowed);
    const [first] = allowed;
    if (first === undefined) return [];
    const names = allowed.map(({ name }) => name.slice(name.indexOf("/") + 1)).join(", ");
    return [
      warning(
        shown(subject),
        `may ${verb} for ${names} (${first.reason})`,
        "meant? Keep it. Otherwise narrow the role's resourceNames, or remove the binding",
      ),
    ];
  });
}

const CSR = { kind: "resource", group: CSR_GROUP, version: "*" } satisfies Partial<AccessAttributes>;

function withPolicy(
  context: CheckContext,
  check: (subjects: readonly RbacSubject[], policy: RbacPolicy, hooks: readonly string[]) => readonly Finding[],
) {
  return withConfiguration(context, "rbac", async ({ rbac, approval }) => {
    const loaded = await load(rbac.files, context);
    if ("problems" in loaded) return [skipped("rbac", "the objects cannot be used; see rbac.objects")];
    const hooks = approval.hooks.flatMap((hook) => Object.keys(hook));
    return check(subjectsOf([...loaded.files, ...loaded.stored]), loaded.policy, hooks);
  });
}

/** Everybody whom bindings name, once each, but administrators. */
function subjectsOf(objects: readonly RbacObject[]): readonly RbacSubject[] {
  const subjects = objects.flatMap((object) => ("subjects" in object ? object.subjects : []));
  const named = new Map(subjects.map((subject) => [shown(subject), subject]));
  return [...named].filter(([name]) => !ADMINISTRATORS.has(name)).map(([, subject]) => subject);
}

/** What a start would put in force: files over what is stored over the stock. */
async function load(paths: readonly string[], context: CheckContext): Promise<Loaded> {
  const ledger = await context.ledger();
  const snapshot = ledger.kind === "here" ? ledger.inspection.snapshot() : undefined;
  const stored = [
    ...(snapshot?.clusterRoles ?? []).map(roleObjectOf),
    ...(snapshot?.clusterRoleBindings ?? []).map(bindingObjectOf),
  ];
  let files: readonly RbacObject[] = [];
  const problems = problemsOf(() => {
    files = readRbacFiles(paths);
    requireRoles(files, inForce(stored, files));
  });
  return problems === undefined ? { files, stored, policy: compilePolicy(inForce(stored, files)) } : { problems };
}

function inForce(stored: readonly RbacObject[], files: readonly RbacObject[]): readonly RbacObject[] {
  return [...new Map([...STOCK_OBJECTS, ...stored, ...files].map((object) => [objectKey(object), object])).values()];
}

function problemsOf(work: () => void): readonly string[] | undefined {
  try {
    work();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof RbacObjectsError) return thrown.problems;
    throw thrown;
  }
}

function userOf(subject: RbacSubject): UserInfo {
  const nobody = { uid: "", groups: [], extra: {} };
  if (subject.kind === "Group") return { ...nobody, username: "", groups: [subject.name] };
  const username = subject.kind === "ServiceAccount" ? serviceAccountUsername(subject) : subject.name;
  return { ...nobody, username };
}

function shown({ kind, name, namespace }: RbacSubject): string {
  return `${kind} ${namespace === "" ? name : `${namespace}/${name}`}`;
}
