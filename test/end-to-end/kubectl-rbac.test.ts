import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { findKubectls, type Kubectl, kubectlWith } from "./support/kubectl.ts";

jest.setTimeout(120_000);

const binaries = findKubectls();
/** A machine without kubectl has nothing to show here; its run says so as skipped tests. */
const describeEach =
  binaries.length > 0 ? describe.each(binaries) : describe.skip.each([{ version: "(none found)", path: "" }]);

const directory = temporaryDirectory();
const rbacFile = join(directory, "rbac.yaml");
const FILE_OBJECTS = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: of-a-file }
rules: [{ apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests], verbs: [list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: of-a-file }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: of-a-file }
subjects: [{ kind: User, name: filed }]
`;
const configuration = configurationWith({ rbac: { files: [rbacFile] } });
let gatehouse: GatehouseProcess;
beforeAll(async () => {
  writeFileSync(rbacFile, FILE_OBJECTS);
  gatehouse = await startGatehouse({ configuration });
});
afterAll(() => gatehouse.remove());

const ROLES = "clusterrole.rbac.authorization.k8s.io";
const BINDINGS = "clusterrolebinding.rbac.authorization.k8s.io";

describeEach("kubectl $version", (binary) => {
  let kubectl: Kubectl;
  const prefix = `k${binary.version.replaceAll(/[^0-9]+/g, "-")}`;
  const named = (suffix: string): string => `${prefix}-${suffix}`;
  beforeAll(() => {
    kubectl = kubectlWith(binary, gatehouse.adminKubeconfig);
  });
  afterAll(() => kubectl.remove());
  const may = (verb: string, user: string): string =>
    kubectl.run(["auth", "can-i", verb, "certificatesigningrequests", "--as", user]).stdout.trim();

  test("a role is created, granted, changed and taken away, and holds at once", () => {
    const role = named("viewer");
    const jane = named("jane");
    const create = ["create", "clusterrole", role, "--verb=get,list", "--resource=certificatesigningrequests"];
    expect(kubectl.must(create)).toBe(`${ROLES}/${role} created\n`);
    expect(may("list", jane)).toBe("no");
    const bind = ["create", "clusterrolebinding", role, `--clusterrole=${role}`, `--user=${jane}`, "--group=staff"];
    expect(kubectl.must([...bind, "--serviceaccount=ns:robot"])).toBe(`${BINDINGS}/${role} created\n`);
    expect(may("list", jane)).toBe("yes");
    expect(kubectl.must(["auth", "can-i", "--list", "--as", jane])).toMatch(
      /^certificatesigningrequests\.certificates\.k8s\.io +\[\] +\[\] +\[get list\]/m,
    );
    const patch = JSON.stringify([{ op: "add", path: "/rules/0/verbs/-", value: "delete" }]);
    kubectl.must(["patch", "clusterrole", role, "--type=json", "-p", patch]);
    expect(may("delete", jane)).toBe("yes");
    expect(kubectl.must(["get", "clusterrolebindings", role, "-o", "wide"])).toMatch(
      new RegExp(`^${role} +ClusterRole/${role} +\\d+s +${jane} +staff +ns/robot`, "m"),
    );
    expect(kubectl.must(["get", "clusterroles", role])).toMatch(/^NAME +CREATED AT\n\S+ +\d{4}-\d\d-\d\dT[\d:]+Z\n$/);
    expect(kubectl.must(["describe", "clusterrole", role])).toMatch(/certificatesigningrequests.*\[get list delete\]/);
    expect(kubectl.must(["describe", "clusterrolebinding", role])).toMatch(/ServiceAccount +robot +ns/);
    kubectl.must(["delete", "clusterrolebinding", role]);
    expect(may("list", jane)).toBe("no");
    kubectl.must(["delete", "clusterrole", role]);
    expect(kubectl.run(["get", "clusterrole", role]).stderr).toContain("NotFound");
  });

  test("apply, dry run of the server, diff, labels, replace and explain", () => {
    const name = named("applied");
    const manifest = (verbs: readonly string[]): string =>
      JSON.stringify({
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name },
        rules: [{ apiGroups: [""], resources: ["secrets"], verbs }],
      });
    const apply = (verbs: readonly string[], ...more: readonly string[]): string =>
      kubectl.must(["apply", ...more, "-f", "-"], { input: manifest(verbs) });
    expect(apply(["get"])).toBe(`${ROLES}/${name} created\n`);
    expect(apply(["get"])).toBe(`${ROLES}/${name} unchanged\n`);
    expect(apply(["list"], "--dry-run=server")).toBe(`${ROLES}/${name} configured (server dry run)\n`);
    expect(kubectl.run(["diff", "-f", "-"], { input: manifest(["list"]) })).toMatchObject({ code: 1 });
    expect(apply(["list"])).toBe(`${ROLES}/${name} configured\n`);
    const verbs = ["get", "clusterrole", name, "-o", "jsonpath={.rules[0].verbs}"];
    expect(kubectl.must(verbs)).toBe('["list"]');
    kubectl.must(["replace", "-f", "-"], { input: manifest(["watch"]) });
    expect(kubectl.must(verbs)).toBe('["watch"]');
    kubectl.must(["label", "clusterrole", name, `of=${named("label")}`]);
    expect(kubectl.must(["get", "clusterroles", "-l", `of=${named("label")}`, "-o", "name"])).toBe(
      `${ROLES}/${name}\n`,
    );
    const wrong = kubectl.run(["apply", "-f", "-"], { input: manifest([]) });
    expect(wrong.stderr).toContain("rules[0].verbs");
    const unknown = manifest(["get"]).replace('"rules"', '"rulez"');
    expect(kubectl.run(["create", "-f", "-"], { input: unknown }).stderr).toContain("rulez");
    kubectl.must(["delete", "clusterroles", "-l", `of=${named("label")}`]);
    expect(kubectl.must(["explain", "clusterrole.rules"])).toMatch(/nonResourceURLs\t<\[\]string>/);
    expect(kubectl.must(["explain", "clusterrolebinding.subjects"])).toMatch(/namespace\t<string>/);
  });

  test("auth reconcile brings a role and its binding to what a file says", () => {
    const name = named("reconciled");
    const input = FILE_OBJECTS.replaceAll("of-a-file", name).replace("name: filed", `name: ${name}-first`);
    expect(kubectl.must(["auth", "reconcile", "-f", "-"], { input })).toContain(`${ROLES}/${name} reconciled`);
    const more = input.replace("verbs: [list]", "verbs: [list, delete]").replace(`${name}-first`, name);
    kubectl.must(["auth", "reconcile", "-f", "-"], { input: more });
    expect(may("delete", name)).toBe("yes");
  });

  test("a watch shows a role come, change and go", async () => {
    const name = named("watched");
    const watch = kubectl.start(["get", "clusterroles", "-w", "--output-watch-events", "-o", "name"]);
    await watch.waitFor(/cluster-admin/);
    kubectl.must(["create", "clusterrole", name, "--verb=get", "--resource=certificatesigningrequests"]);
    kubectl.must(["label", "clusterrole", name, "a=b"]);
    kubectl.must(["delete", "clusterrole", name]);
    await watch.waitFor(new RegExp(`${name}[^]*${name}[^]*${name}`));
    await watch.stop();
  });

  test("who holds little grants little, unless they may escalate", () => {
    const name = named("granter");
    const rbac = "clusterroles.rbac.authorization.k8s.io,clusterrolebindings.rbac.authorization.k8s.io";
    kubectl.must(["create", "clusterrole", name, "--verb=create,update,patch,get", `--resource=${rbac}`]);
    kubectl.must(["create", "clusterrolebinding", name, `--clusterrole=${name}`, `--user=${name}`]);
    const grant = (role: string): string => {
      const bind = ["create", "clusterrolebinding", `${name}-own`, `--clusterrole=${role}`, `--user=${name}`];
      return kubectl.run([...bind, "--as", name]).stderr;
    };
    expect(grant("cluster-admin")).toContain("not currently held");
    const create = ["create", "clusterrole", `${name}-big`, "--verb=*", "--resource=certificatesigningrequests"];
    expect(kubectl.run([...create, "--as", name]).stderr).toContain("not currently held");
    kubectl.must(["create", "clusterrole", `${name}-e`, "--verb=escalate", "--resource=clusterroles"]);
    kubectl.must(["create", "clusterrolebinding", `${name}-e`, `--clusterrole=${name}-e`, `--user=${name}`]);
    expect(kubectl.must([...create, "--as", name])).toContain("created");
    expect(grant(`${name}-big`)).toContain("not currently held");
  });

  test("what a file grants is shown, and cannot be changed here", () => {
    expect(may("list", "filed")).toBe("yes");
    expect(kubectl.must(["get", "clusterrole", "of-a-file", "-o", "yaml"])).toContain(
      "gatehouse.dev/managed-by: rbac.files",
    );
    expect(kubectl.run(["delete", "clusterrole", "of-a-file"]).stderr).toContain("rbac.files");
    expect(kubectl.run(["label", "clusterrolebinding", "of-a-file", "a=b"]).stderr).toContain("rbac.files");
  });
});

test("after a restart, or being killed, all is as it was, but for what a file no longer says", async () => {
  const administrator = new Administrator(gatehouse.adminKubeconfig);
  expect((await administrator.verifyLedger()).problems).toEqual([]);
  administrator.close();
  const [binary] = binaries;
  if (binary === undefined) return;
  const first = kubectlWith(binary, gatehouse.adminKubeconfig);
  first.must(["create", "clusterrole", "kept", "--verb=get", "--resource=certificatesigningrequests"]);
  first.must(["delete", "clusterrole", "system:node"]);
  first.remove();
  await gatehouse.stop("SIGKILL");
  writeFileSync(rbacFile, FILE_OBJECTS.slice(0, FILE_OBJECTS.indexOf("---")));
  gatehouse = await startGatehouse({ configuration, dataDirectory: gatehouse.dataDirectory });
  const second = kubectlWith(binary, gatehouse.adminKubeconfig);
  expect(second.must(["get", "clusterroles", "kept", "system:node", "of-a-file", "-o", "name"])).toBe(
    `${ROLES}/kept\n${ROLES}/system:node\n${ROLES}/of-a-file\n`,
  );
  expect(second.run(["get", "clusterrolebinding", "of-a-file"]).stderr).toContain("NotFound");
  expect(second.run(["auth", "can-i", "list", "certificatesigningrequests", "--as", "filed"]).stdout).toBe("no\n");
  second.remove();
  const again = new Administrator(gatehouse.adminKubeconfig);
  expect((await again.verifyLedger()).problems).toEqual([]);
  again.close();
});
