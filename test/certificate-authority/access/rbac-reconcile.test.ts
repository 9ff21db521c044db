import { expect, test } from "@jest/globals";
import { planBindings, planRoles } from "../../../services/certificate-authority/access/rbac/reconcile.ts";
import { clusterRole, clusterRoleBinding, subject } from "../../builders/rbac.ts";
import { apiBinding, apiRole } from "../../builders/rbac-objects.ts";

const AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate";
const STOCK = { annotations: { [AUTO_UPDATE]: "true" }, labels: { "kubernetes.io/bootstrapping": "rbac-defaults" } };
const MANAGED = { annotations: { "gatehouse.dev/managed-by": "rbac.files" } };

const GET = { verbs: ["get"], apiGroups: ["g"], resources: ["things"] };
const LIST = { ...GET, verbs: ["list"] };
const viewer = clusterRole("viewer", GET);
const viewers = clusterRoleBinding("viewers", "viewer", subject("Group", "staff"));
const STAFF = { kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "staff" };
const OTHERS = { ...STAFF, name: "others" };

test("stock objects are made at the first start, and nothing is done at the next", () => {
  expect(planRoles([], [viewer], [])).toEqual([
    { kind: "create", name: "viewer", wanted: { ...STOCK, content: { rules: [GET] } } },
  ]);
  expect(planRoles([apiRole("viewer", { rules: [GET], metadata: STOCK })], [viewer], [])).toEqual([]);
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "viewer" };
  expect(planBindings([], [viewers], [])).toEqual([
    { kind: "create", name: "viewers", wanted: { ...STOCK, content: { subjects: [STAFF], roleRef } } },
  ]);
  expect(
    planBindings([apiBinding("viewers", "viewer", { subjects: [STAFF], metadata: STOCK })], [viewers], []),
  ).toEqual([]);
});

test("a stock role gets back what it lacks and keeps what was added", () => {
  const stored = apiRole("viewer", { rules: [LIST], metadata: { labels: { a: "b" }, annotations: { c: "d" } } });
  expect(planRoles([stored], [viewer], [])).toEqual([
    {
      kind: "update",
      name: "viewer",
      wanted: {
        labels: { ...STOCK.labels, a: "b" },
        annotations: { ...STOCK.annotations, c: "d" },
        content: { rules: [LIST, GET] },
      },
    },
  ]);
  const wider = apiRole("viewer", { rules: [{ ...GET, verbs: ["*"] }], metadata: STOCK });
  expect(planRoles([wider], [viewer], [])).toEqual([]);
});

test("a stock role that somebody made an aggregating one grants its own rules again", () => {
  const stored = apiRole("viewer", { rules: [GET], metadata: STOCK, aggregationRule: { clusterRoleSelectors: [{}] } });
  expect(planRoles([stored], [viewer], [])).toMatchObject([{ kind: "update", wanted: { content: { rules: [GET] } } }]);
});

test("a stock binding gets back missing subjects, and is made anew when it grants another role", () => {
  const without = apiBinding("viewers", "viewer", { subjects: [OTHERS], metadata: STOCK });
  expect(planBindings([without], [viewers], [])).toMatchObject([
    { kind: "update", wanted: { content: { subjects: [OTHERS, STAFF] } } },
  ]);
  const other = apiBinding("viewers", "cluster-admin", { metadata: STOCK });
  expect(planBindings([other], [viewers], [])).toMatchObject([
    { kind: "replace", wanted: { content: { subjects: [STAFF], roleRef: { name: "viewer" } } } },
  ]);
});

test("autoupdate false keeps a stock object as it is", () => {
  const metadata = { annotations: { [AUTO_UPDATE]: "false" } };
  expect(planRoles([apiRole("viewer", { rules: null, metadata })], [viewer], [])).toEqual([]);
  expect(planBindings([apiBinding("viewers", "other", { subjects: [], metadata })], [viewers], [])).toEqual([]);
});

test("an object of a file is exactly what the file says, whatever was there", () => {
  const stored = apiRole("viewer", { rules: [GET, LIST], metadata: STOCK });
  expect(planRoles([stored], [clusterRole("viewer", LIST)], [viewer])).toEqual([
    { kind: "update", name: "viewer", wanted: { labels: {}, ...MANAGED, content: { rules: [GET] } } },
  ]);
  expect(planRoles([apiRole("viewer", { rules: [GET], metadata: MANAGED })], [], [viewer])).toEqual([]);
  const nobody = clusterRoleBinding("viewers", "viewer");
  expect(planBindings([apiBinding("viewers", "viewer", { metadata: STOCK })], [viewers], [nobody])).toMatchObject([
    { kind: "update", wanted: { content: { roleRef: { name: "viewer" } } } },
  ]);
});

test("what no file has any more goes, and a stock object of that name comes back", () => {
  const mine = apiRole("mine", { metadata: MANAGED });
  const own = apiRole("own");
  expect(planRoles([mine, own], [], [])).toEqual([{ kind: "remove", name: "mine" }]);
  expect(planRoles([apiRole("viewer", { metadata: MANAGED })], [viewer], [])).toMatchObject([
    { kind: "remove", name: "viewer" },
    { kind: "create", name: "viewer", wanted: STOCK },
  ]);
});
