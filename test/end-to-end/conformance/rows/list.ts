import { APPROVED, csr, DENIED, FAILED } from "../csr-body.ts";
import { get, list, post, put, type Row } from "../row.ts";

const LABEL = "labelSelector=row%3D$name";

/**
 * Objects of the row's own, in an order that is not that of their names. The list at the end sees to it that a server's
 * cache has them, which resourceVersion 0 is answered from.
 */
const OBJECTS = [
  ...["b", "a", "c"].map((suffix) =>
    post(
      csr({
        metadata: {
          name: `$name-${suffix}`,
          labels: { row: "$name", which: suffix, [`only-${suffix}`]: "", number: suffix === "a" ? "7" : "x" },
        },
        spec: { signerName: suffix === "c" ? "example.com/c" : "$signer" },
      }),
    ),
  ),
  list(LABEL),
];

const row = (name: string, query: string): Row => ({ name: `list: ${name}`, given: OBJECTS, asked: [list(query)] });
const mine = (query: string): Row => row(query, `${LABEL}&${query}`);
const label = (selector: string): Row =>
  row(`labels ${selector}`, `labelSelector=${encodeURIComponent(`row=$name,${selector}`).replaceAll("%24", "$")}`);
const field = (selector: string): Row =>
  row(`fields ${selector}`, `${LABEL}&fieldSelector=${encodeURIComponent(selector).replaceAll("%24", "$")}`);

const LABELS: readonly Row[] = [
  "which=a",
  "which==a",
  "which!=a",
  "which in (a,c)",
  "which in (a, c , )",
  "which in ()",
  "which notin (a)",
  "which",
  "!which",
  "! which",
  "only-a",
  "!only-a",
  "only-a=",
  "only-a!=",
  "number>5",
  "number<8",
  "number>7",
  "number > 5 , number < 9",
  "number>x",
  "number>",
  "number>=5",
  "which = a",
  "which=a,which=b",
  "which=a which=b",
  "=a",
  "which=(a)",
  "which in a",
  "which in (a",
  "which in a)",
  "which like a",
  "in in (in)",
  "notin",
  "a b=c",
  "which=a b",
  "example.com/x",
  "Example.com/x",
  "a/b/c",
  "-bad",
  `${"a".repeat(64)}=b`,
  `which=${"a".repeat(64)}`,
  "which=é",
  ",",
  ",,",
  "which=a,",
  "which!",
  "which=a=b",
  "which==",
  "which=!a",
].map(label);

const FIELDS: readonly Row[] = [
  "metadata.name=$name-a",
  "metadata.name==$name-a",
  "metadata.name!=$name-a",
  "metadata.name=none",
  "metadata.name=",
  "metadata.name!=",
  "metadata.name",
  "metadata.name=$name-a,spec.signerName=$signer",
  "metadata.name=$name-a,metadata.name=$name-b",
  "metadata.name!=$name-a,metadata.name!=$name-b",
  "metadata.name=$name-a,",
  ",metadata.name=$name-a",
  "spec.signerName=$signer",
  "spec.signerName!=$signer",
  "spec.signerName=example.com/c",
  "spec.username=admin",
  "metadata.namespace=x",
  "metadata.namespace=",
  "metadata.labels.a=b",
  "status.phase=x",
  "metadata.name in (a)",
  "metadata.name=a=b",
  "metadata.name=a\\,b",
  "metadata.name=a\\=b",
  "metadata.name=a\\b",
  "metadata.name=a\\\\b",
  "metadata.name= $name-a",
  " metadata.name=$name-a",
  "metadata.name =$name-a",
  "=",
  "!=",
  "==",
  "=,metadata.name=$name-a",
  "=a",
  "!=a",
  "Metadata.Name=a",
].map(field);

const VERSIONS: readonly Row[] = [
  "resourceVersion=",
  "resourceVersion=0",
  "resourceVersion=$revision",
  "resourceVersion=1",
  "resourceVersion=$future",
  "resourceVersion=x",
  "resourceVersion=-1",
  "resourceVersion=01",
  "resourceVersion=%201",
  "resourceVersion=18446744073709551615",
  "resourceVersion=18446744073709551616",
  "resourceVersion=1.0",
  // What is there to be had exactly depends on how far the server has got meanwhile.
  ...["0", "$future", "x", ""].map((version) => `resourceVersion=${version}&resourceVersionMatch=Exact`),
  ...["NotOlderThan", "exact", ""].flatMap((match) =>
    ["", "0", "$revision", "$future", "x"].map((version) => `resourceVersion=${version}&resourceVersionMatch=${match}`),
  ),
  "resourceVersionMatch=Exact",
  "resourceVersionMatch=Whatever&resourceVersion=0",
  "sendInitialEvents=true",
  "sendInitialEvents=false",
  "sendInitialEvents=",
  "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
  "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0",
  "continue=garbage",
  "continue=garbage&resourceVersion=5",
  "continue=garbage&resourceVersionMatch=Exact&resourceVersion=5",
  "allowWatchBookmarks=true",
  "allowWatchBookmarks=x",
  "limit=0",
  "limit=500",
  "limit=-1",
  "limit=x",
  "limit=",
  "limit=1.5",
  "limit=99999999999999999999",
  ...[
    "0",
    "-5s",
    "1h30m",
    "5",
    "",
    "1.5s",
    ".5s",
    "5.s",
    ".s",
    "%2B5s",
    "5s5s",
    "1d",
    "5S",
    "5%20s",
    "1000000000h",
    "x",
  ].map((timeout) => `timeout=${timeout}`),
  "timeoutSeconds=5",
  "timeoutSeconds=0",
  "timeoutSeconds=-1",
  "timeoutSeconds=x",
  "timeoutSeconds=",
  "pretty=true",
  "watch=false",
  "watch=0",
  "unheardOf=1",
  "limit=500&limit=x",
  "resourceVersion=0&resourceVersion=x",
  "ResourceVersion=x",
].map(mine);

const READ: readonly Row[] = [
  { name: "list: nothing", asked: [list(LABEL)] },
  { name: "list: one name, not there", asked: [list("fieldSelector=metadata.name%3D$name")] },
  ...["", "0", "$revision", "1", "x", "$future", "-1"].map((version) => ({
    name: `get: resourceVersion ${version}`,
    given: [post(csr()), list("fieldSelector=metadata.name%3D$name")],
    asked: [get(undefined, { query: `resourceVersion=${version}` })],
  })),
  { name: "get: resourceVersion 0, not there", asked: [get(undefined, { query: "resourceVersion=0" })] },
  { name: "get: resourceVersion x, not there", asked: [get(undefined, { query: "resourceVersion=x" })] },
  { name: "get: watch", given: [post(csr())], asked: [get(undefined, { query: "resourceVersionMatch=Exact" })] },
  {
    name: "list: every condition",
    given: [
      post(csr({ metadata: { labels: { row: "$name" } }, spec: { expirationSeconds: 86_400 } })),
      put("/approval", csr({ metadata: { labels: { row: "$name" } }, status: { conditions: [APPROVED, FAILED] } })),
      post(csr({ metadata: { name: "$name-2", labels: { row: "$name" } } })),
      {
        ...put(
          "/approval",
          csr({ metadata: { name: "$name-2", labels: { row: "$name" } }, status: { conditions: [DENIED] } }),
        ),
        path: "/apis/certificates.k8s.io/v1/certificatesigningrequests/$name-2/approval",
      },
    ],
    asked: [list(LABEL)],
  },
];

/** Lists: selectors and versions. */
export const LIST: readonly Row[] = [...LABELS, ...FIELDS, ...VERSIONS, ...READ];
