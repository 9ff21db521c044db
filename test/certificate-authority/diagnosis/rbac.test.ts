import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { stringify } from "yaml";
import { makeInstallation } from "../../builders/installation.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { examine, lines } from "./examine.ts";

const AUTO_APPROVE = join(import.meta.dirname, "../../../config/rbac/auto-approve-bootstrap.yaml");
const APPROVERS = join(import.meta.dirname, "../../../config/rbac/kubelet-approvers.yaml");

const scene = (...files: readonly string[]) => ({ settings: { rbac: { files } } });

function fileOf(...objects: readonly object[]): string {
  const path = join(temporaryDirectory(), "rbac.yaml");
  writeFileSync(path, objects.map((object) => `---\n${stringify(object)}`).join(""));
  return path;
}

function binding(role: string, kind: string, name: string) {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: `${role}-to-${name}` },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind, name }],
  };
}

test("with nothing configured a person decides and administrators are alone", async () => {
  for (const id of ["rbac.objects", "rbac.automatic-approval", "rbac.signers"])
    expect(await examine(id)).toMatchObject([{ outcome: "ok" }]);
});

test("files that do not parse, and bindings to roles that do not exist, are errors by their place", async () => {
  const file = fileOf({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: {}, rules: 7 });
  const findings = await examine("rbac.objects", scene(file));
  expect(findings.every(({ outcome, finding }) => outcome === "error" && finding.startsWith(`${file}[0]`))).toBe(true);
  expect(findings.length).toBeGreaterThan(0);
  expect(await examine("rbac.signers", scene(file))).toMatchObject([{ outcome: "skipped" }]);
  expect(lines(await examine("rbac.objects", scene(fileOf(binding("missing", "User", "eve")))))).toEqual([
    'error rbac.files: ClusterRoleBinding "missing-to-eve" refers to ClusterRole "missing", which does not exist',
  ]);
});

test("automatic approval of first joins is named as a choice", async () => {
  expect(await examine("rbac.automatic-approval", scene(AUTO_APPROVE))).toMatchObject([
    { outcome: "warning", subject: "Group system:bootstrappers" },
  ]);
  const byHand = { ...scene(AUTO_APPROVE).settings, approval: { hooks: [{ manual: { required: true } }] } };
  expect(await examine("rbac.automatic-approval", { settings: byHand })).toMatchObject([{ outcome: "ok" }]);
});

test("whoever else may approve or sign is named with the signers", async () => {
  const file = fileOf(binding("cluster-admin", "User", "alice"), binding("cluster-admin", "Group", "system:masters"));
  const findings = await examine("rbac.signers", scene(file));
  expect(findings.map(({ outcome, subject }) => `${outcome} ${subject}`)).toEqual([
    "warning User alice",
    "warning User alice",
  ]);
  expect(findings[0]?.finding).toContain("may approve for kube-apiserver-client, kube-apiserver-client-kubelet");
  expect(findings[1]?.finding).toContain("may sign for");
  const approvers = await examine("rbac.signers", scene(APPROVERS));
  expect(approvers.length).toBeGreaterThan(0);
  expect(approvers.every(({ finding }) => finding.startsWith("may approve for"))).toBe(true);
});

test("bindings that were made through the API count, and those to no role are told", async () => {
  const { dataDirectory } = await makeInstallation({
    fill: async ({ clusterRoleBindings }) => {
      for (const role of ["cluster-admin", "missing"]) {
        const { metadata, ...made } = binding(role, "User", "mallory");
        const times = { uid: role, resourceVersion: "", creationTimestamp: "2026-01-01T00:00:00Z" };
        await clusterRoleBindings.create({ ...made, metadata: { ...metadata, ...times } } as never, "alice");
      }
    },
  });
  expect(await examine("rbac.objects", { dataDirectory })).toMatchObject([
    { outcome: "warning", finding: expect.stringContaining('refers to ClusterRole "missing"') },
  ]);
  expect(await examine("rbac.signers", { dataDirectory })).toMatchObject([
    { outcome: "warning", subject: "User mallory" },
    { outcome: "warning", subject: "User mallory" },
  ]);
});
