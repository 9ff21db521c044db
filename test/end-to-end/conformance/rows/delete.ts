import { encodeProtobuf, PROTOBUF_TYPE } from "../../../../services/shared/kubernetes/protobuf.ts";
import { csr } from "../csr-body.ts";
import { type Body, type Exchange, get, list, type Options, post, put, type Row, remove, removeAll } from "../row.ts";

const GIVEN = [post(csr())];
const HELD = [post(csr({ metadata: { finalizers: ["example.com/held"] } }))];

const row = (name: string, body?: Body, options: Options = {}, given: readonly Exchange[] = GIVEN): Row => ({
  name: `delete: ${name}`,
  given,
  asked: [remove(body, options), get()],
});

const OPTIONS_TYPE = { apiVersion: "v1", kind: "DeleteOptions" };
const protobuf = (options: object): Uint8Array => encodeProtobuf({ ...OPTIONS_TYPE, ...options });
const PROTOBUF = { headers: { "content-type": PROTOBUF_TYPE } };
const YAML = { headers: { "content-type": "application/yaml" } };

const BODIES: readonly Row[] = [
  row("no body"),
  row("an empty object", {}),
  row("an empty body that is announced", ""),
  row("typed", OPTIONS_TYPE),
  row("typed as its own group", { ...OPTIONS_TYPE, apiVersion: "certificates.k8s.io/v1" }),
  row("typed as meta", { ...OPTIONS_TYPE, apiVersion: "meta.k8s.io/v1" }),
  row("typed as a foreign group", { ...OPTIONS_TYPE, apiVersion: "example.com/v7" }),
  row("kind without version", { kind: "DeleteOptions" }),
  row("version without kind", { apiVersion: "v1" }),
  row("another kind", { ...OPTIONS_TYPE, kind: "Pod" }),
  row("null", null as unknown as object),
  row("a list", []),
  row("no JSON", "{"),
  row("unknown fields", { more: 1 }),
  row("duplicate fields", '{"dryRun":[],"dryRun":["All"]}'),
  row("grace period", { gracePeriodSeconds: 30 }),
  row("grace period 0", { gracePeriodSeconds: 0 }),
  row("grace period negative", { gracePeriodSeconds: -1 }),
  row("grace period text", { gracePeriodSeconds: "30" }),
  ...["Foreground", "Background", "Orphan", "foreground", "Whatever", ""].map((policy) =>
    row(`propagation ${policy}`, { propagationPolicy: policy }),
  ),
  row("orphan dependents", { orphanDependents: true }),
  row("orphan dependents false", { orphanDependents: false }),
  row("both ways to orphan", { orphanDependents: true, propagationPolicy: "Background" }),
  row("dry run", { dryRun: ["All"] }),
  row("dry run of some", { dryRun: ["Some"] }),
  row("dry run twice", { dryRun: ["All", "All"] }),
  row("dry run of text", { dryRun: "All" }),
  row("the right uid", { preconditions: { uid: "$uid" } }),
  row("a wrong uid", { preconditions: { uid: "wrong" } }),
  row("an empty uid", { preconditions: { uid: "" } }),
  row("the right resourceVersion", { preconditions: { resourceVersion: "$revision" } }),
  row("a stale resourceVersion", { preconditions: { resourceVersion: "1" } }),
  row("an empty resourceVersion", { preconditions: { resourceVersion: "" } }),
  row("a garbage resourceVersion", { preconditions: { resourceVersion: "x" } }),
  row("both preconditions wrong", { preconditions: { uid: "x", resourceVersion: "1" } }),
  row("a wrong uid, dry", { preconditions: { uid: "wrong" }, dryRun: ["All"] }),
  row("ignoring unreadable", { ignoreStoreReadErrorWithClusterBreakingPotential: false }),
  row("protobuf", protobuf({}), PROTOBUF),
  row("protobuf with policy", protobuf({ propagationPolicy: "Background", gracePeriodSeconds: 0 }), PROTOBUF),
  row("protobuf dry", protobuf({ dryRun: ["All"] }), PROTOBUF),
  row("protobuf that is none", Buffer.from("nonsense"), PROTOBUF),
  row("JSON called protobuf", {}, PROTOBUF),
  row("YAML", "propagationPolicy: Background\n", YAML),
  row("YAML dry", "dryRun: [All]\n", YAML),
  row("form", "a=b", { headers: { "content-type": "application/x-www-form-urlencoded" } }),
  row("no Content-Type", "{}", { headers: {} }),
  row("nothing there", undefined, {}, []),
  row("nothing there, a wrong uid", { preconditions: { uid: "x" } }, {}, []),
  row("nothing there, dry", { dryRun: ["All"] }, {}, []),
];

const QUERIES: readonly Row[] = [
  "dryRun=All",
  "dryRun=Some",
  "dryRun=",
  "gracePeriodSeconds=5",
  "gracePeriodSeconds=x",
  "gracePeriodSeconds=-5",
  "gracePeriodSeconds=",
  "propagationPolicy=Orphan",
  "propagationPolicy=x",
  "orphanDependents=true",
  "orphanDependents=x",
  "orphanDependents=1&propagationPolicy=Orphan",
  "uid=wrong",
  "uid=",
  "uid=$uid",
  "resourceVersion=1",
  "resourceVersion=$revision",
  "resourceVersion=",
  "resourceVersion=x",
  "preconditions.uid=wrong",
  "fieldManager=x",
  "unheardOf=x",
].flatMap((query) => [
  row(`?${query}`, undefined, { query }),
  row(`?${query} and a body`, { propagationPolicy: "Background" }, { query }),
]);

const FINALIZERS: readonly Row[] = [
  row("held", undefined, {}, HELD),
  row("held, dry", { dryRun: ["All"] }, {}, HELD),
  row("held, in foreground", { propagationPolicy: "Foreground" }, {}, HELD),
  row("held, with a grace period", { gracePeriodSeconds: 60 }, {}, HELD),
  { name: "delete: held, twice", given: HELD, asked: [remove(), remove(), get()] },
  {
    name: "delete: held, twice with a uid",
    given: [...HELD, remove()],
    asked: [remove({ preconditions: { uid: "$uid" } })],
  },
  { name: "delete: held, then let go", given: [...HELD, remove()], asked: [put("", csr()), get()] },
  {
    name: "delete: held, then let go, dry",
    given: [...HELD, remove()],
    asked: [put("", csr(), { query: "dryRun=All" }), get()],
  },
  {
    name: "delete: held, then let go through status",
    given: [...HELD, remove()],
    asked: [put("/status", csr()), get()],
  },
  {
    name: "delete: held, then let go through approval",
    given: [...HELD, remove()],
    asked: [put("/approval", csr()), get()],
  },
  { name: "delete: held, then created anew", given: [...HELD, remove()], asked: [post(csr()), get()] },
  {
    name: "delete: finalizer orphan",
    given: [post(csr({ metadata: { finalizers: ["orphan"] } }))],
    asked: [remove(), get()],
  },
  {
    name: "delete: finalizer orphan, in background",
    given: [post(csr({ metadata: { finalizers: ["orphan"] } }))],
    asked: [remove({ propagationPolicy: "Background" }), get()],
  },
  {
    name: "delete: finalizer foregroundDeletion, in background",
    given: [post(csr({ metadata: { finalizers: ["foregroundDeletion"] } }))],
    asked: [remove({ propagationPolicy: "Background" }), get()],
  },
  {
    name: "delete: finalizers orphan and another, in foreground",
    given: [post(csr({ metadata: { finalizers: ["orphan", "example.com/a"] } }))],
    asked: [remove({ propagationPolicy: "Foreground" }), get()],
  },
  ...["Orphan", "Foreground"].map((policy) => ({
    name: `delete: not held, ${policy}`,
    given: GIVEN,
    asked: [remove({ propagationPolicy: policy }), get()],
  })),
];

/** Several objects with a label of the row's own; one of them is held. */
const MANY = [
  ...["a", "b", "c"].map((suffix) =>
    post(
      csr({
        metadata: {
          name: `$name-${suffix}`,
          labels: { row: "$name", which: suffix },
          ...(suffix === "c" && { finalizers: ["example.com/held"] }),
        },
      }),
    ),
  ),
  list("labelSelector=row%3D$name"),
];

const all = (name: string, query: string, body?: Body, options: Options = {}): Row => ({
  name: `delete all: ${name}`,
  given: MANY,
  asked: [removeAll(`labelSelector=row%3D$name${query}`, body, options), list("labelSelector=row%3D$name")],
});

const COLLECTIONS: readonly Row[] = [
  all("by label", ""),
  all("by two labels", "%2Cwhich%3Da"),
  all("by label set", "%2Cwhich%20in%20(a%2Cc)"),
  all("by label and name", "&fieldSelector=metadata.name%3D$name-b"),
  all("by label and not name", "&fieldSelector=metadata.name!%3D$name-b"),
  all("by label and signer", "&fieldSelector=spec.signerName%3D$signer"),
  all("by label and another signer", "&fieldSelector=spec.signerName%3Dexample.com/none"),
  all("none", "%2Cwhich%3Dz"),
  all("dry", "", { dryRun: ["All"] }),
  all("dry by query", "&dryRun=All"),
  all("a wrong uid", "", { preconditions: { uid: "wrong" } }),
  all("a bad policy", "", { propagationPolicy: "x" }),
  all("in background", "", { propagationPolicy: "Background" }),
  all("bad label selector", "%2C%3D"),
  all("bad field selector", "&fieldSelector=a%3Db"),
  all("limit", "&limit=1"),
  all("bad limit", "&limit=x"),
  all("resourceVersion 0, and a body", "&resourceVersion=0", {}),
  all("resourceVersion empty", "&resourceVersion="),
  all("resourceVersion 0", "&resourceVersion=0"),
  all("bad resourceVersion", "&resourceVersion=x"),
  all("exactly", "&resourceVersion=0&resourceVersionMatch=Exact"),
  all("sendInitialEvents", "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"),
  all("watch", "&watch=true"),
  all("as a table", "", undefined, { headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } }),
  all("as protobuf", "", undefined, { headers: { accept: PROTOBUF_TYPE } }),
];

/** Deleting one and many. */
export const DELETE: readonly Row[] = [
  ...BODIES,
  ...QUERIES,
  ...FINALIZERS,
  ...COLLECTIONS,
  {
    name: "delete: as a table",
    given: GIVEN,
    asked: [remove(undefined, { headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } })],
  },
  { name: "delete: as protobuf", given: GIVEN, asked: [remove(undefined, { headers: { accept: PROTOBUF_TYPE } })] },
  {
    name: "delete: held, as protobuf",
    given: HELD,
    asked: [remove(undefined, { headers: { accept: PROTOBUF_TYPE } })],
  },
  { name: "delete: as YAML", given: GIVEN, asked: [remove(undefined, { headers: { accept: "application/yaml" } })] },
  {
    name: "delete: held, as a table",
    given: HELD,
    asked: [remove(undefined, { headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } })],
  },
];
