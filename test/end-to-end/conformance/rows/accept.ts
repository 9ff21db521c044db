import { PROTOBUF_TYPE } from "../../../../services/shared/kubernetes/protobuf.ts";
import { APPROVED, csr, withConditions } from "../csr-body.ts";
import { get, type Headers, JSON_HEADERS, list, patch, post, put, type Row, remove } from "../row.ts";

const GIVEN = [
  post(csr({ metadata: { labels: { row: "$name" } }, spec: { expirationSeconds: 3600 } })),
  list("labelSelector=row%3D$name"),
];

const accepted = (accept: string): Row => ({
  name: `accept: ${accept}`,
  given: GIVEN,
  asked: [get(undefined, { headers: { accept } }), list("labelSelector=row%3D$name", { headers: { accept } })],
});

const table = (parameters: string): string => `application/json;as=Table;${parameters}`;
const V1 = "v=v1;g=meta.k8s.io";

const ACCEPTED: readonly Row[] = [
  "",
  "*/*",
  "application/*",
  "text/*",
  "*",
  "application/json",
  "Application/JSON",
  "application/json; charset=utf-8",
  "application/json;q=0",
  "application/json;q=0,*/*",
  "*/*;q=0",
  "application/json;q=0.5,application/yaml",
  "application/json;q=0.5,application/yaml;q=0.4",
  "application/json;q=x",
  "application/json;q=2",
  "application/json;q=-1",
  "text/html,application/json",
  "text/html,*/*;q=0.1",
  "text/html",
  "application/yaml",
  "application/yaml,application/json",
  "text/yaml",
  PROTOBUF_TYPE,
  `${PROTOBUF_TYPE},application/json`,
  `application/json,${PROTOBUF_TYPE}`,
  `${PROTOBUF_TYPE};q=0.5,application/json;q=0.9`,
  "application/x-protobuf",
  "application/cbor",
  "application/cbor,application/json",
  "application/vnd.kubernetes.protobuf;stream=watch",
  "application/json;stream=watch",
  "application/json;stream=other",
  "application/json;unheard=of",
  "application/json;pretty=1",
  "application/json;pretty=0",
  "application/json;v=v1",
  "application/json;g=meta.k8s.io",
  "application/json;as=",
  "application/json;as=Other;v=v1;g=meta.k8s.io",
  table(V1),
  table("v=v1beta1;g=meta.k8s.io"),
  table("v=v1alpha1;g=meta.k8s.io"),
  table("v=v2;g=meta.k8s.io"),
  table("g=meta.k8s.io"),
  table("v=v1"),
  table("v=v1;g=other"),
  "application/json;as=table;v=v1;g=meta.k8s.io",
  "application/json; as=Table ; v=v1 ; g=meta.k8s.io",
  'application/json;as="Table";v="v1";g="meta.k8s.io"',
  `${table("v=v2;g=meta.k8s.io")},application/json`,
  `${table(V1)},${table("v=v1beta1;g=meta.k8s.io")}`,
  `${table(V1)},application/json`,
  `application/json,${table(V1)}`,
  `${table(V1)};q=0.1,application/json;q=0.9`,
  `application/yaml;as=Table;${V1}`,
  `${PROTOBUF_TYPE};as=Table;${V1}`,
  `${PROTOBUF_TYPE};as=Table;${V1},application/json`,
  `*/*;as=Table;${V1}`,
  `application/*;as=Table;${V1}`,
  `application/json;as=PartialObjectMetadata;${V1}`,
  "application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io",
  `application/json;as=PartialObjectMetadataList;${V1}`,
  "application/json;as=PartialObjectMetadataList;v=v1beta1;g=meta.k8s.io",
  `application/json;as=PartialObjectMetadata;${V1},application/json;as=PartialObjectMetadataList;${V1}`,
  `application/json;as=PartialObjectMetadataList;${V1},application/json;as=PartialObjectMetadata;${V1}`,
  `${PROTOBUF_TYPE};as=PartialObjectMetadata;${V1}`,
  `${PROTOBUF_TYPE};as=PartialObjectMetadataList;${V1}`,
  `application/yaml;as=PartialObjectMetadata;${V1}`,
  "garbage",
  ";",
  ",",
  ",application/json",
  "application/json,,",
  "application/json;",
  "application/ json",
  "a/b/c",
].map(accepted);

const included = (value: string): Row => ({
  name: `accept: includeObject=${value}`,
  given: GIVEN,
  asked: [
    get(undefined, { query: `includeObject=${value}`, headers: { accept: table(V1) } }),
    get(undefined, { query: `includeObject=${value}` }),
    list(`labelSelector=row%3D$name&includeObject=${value}`, { headers: { accept: table(V1) } }),
  ],
});

const TABLE_HEADERS: Headers = { ...JSON_HEADERS, accept: table(V1) };

const TABLES: readonly Row[] = [
  ...["", "Metadata", "Object", "None", "object", "x", "Metadata&includeObject=Object"].map(included),
  ...[
    600, 60, 119, 120, 599, 601, 659, 3600, 10_799, 10_800, 28_799, 28_800, 172_799, 172_800, 691_199, 691_200,
    63_071_999, 63_072_000, 252_288_000, 2_147_483_647,
  ].map(
    (expirationSeconds): Row => ({
      name: `table: RequestedDuration ${expirationSeconds}`,
      given: [post(csr({ spec: { expirationSeconds: Math.max(600, expirationSeconds) } }))],
      asked: [get(undefined, { headers: { accept: table(V1) } })],
    }),
  ),
  { name: "table: of a create", asked: [post(csr(), { headers: TABLE_HEADERS })] },
  { name: "table: of a dry create", asked: [post(csr(), { headers: TABLE_HEADERS, query: "dryRun=All" })] },
  { name: "table: of an update", given: GIVEN, asked: [put("", csr(), { headers: TABLE_HEADERS })] },
  {
    name: "table: of an approval",
    given: GIVEN,
    asked: [put("/approval", withConditions(APPROVED), { headers: TABLE_HEADERS })],
  },
  {
    name: "table: of a patch",
    given: GIVEN,
    asked: [patch("merge", "", {}, { headers: { ...TABLE_HEADERS, "content-type": "application/merge-patch+json" } })],
  },
  { name: "table: of a delete", given: GIVEN, asked: [remove(undefined, { headers: { accept: table(V1) } })] },
  { name: "table: of a missing object", asked: [get(undefined, { headers: { accept: table(V1) } })] },
  { name: "table: of nothing", asked: [list("labelSelector=row%3D$name", { headers: { accept: table(V1) } })] },
  {
    name: "metadata: of a create",
    asked: [post(csr(), { headers: { ...JSON_HEADERS, accept: `application/json;as=PartialObjectMetadata;${V1}` } })],
  },
  { name: "protobuf: an error", asked: [get(undefined, { headers: { accept: PROTOBUF_TYPE } })] },
  {
    name: "protobuf: 422",
    asked: [post(csr({ spec: { usages: [] } }), { headers: { ...JSON_HEADERS, accept: PROTOBUF_TYPE } })],
  },
  { name: "YAML: an error", asked: [get(undefined, { headers: { accept: "application/yaml" } })] },
  {
    name: "table and protobuf: an error",
    asked: [get(undefined, { headers: { accept: `${PROTOBUF_TYPE};as=PartialObjectMetadata;${V1}` } })],
  },
  { name: "403 as protobuf", asked: [get(undefined, { as: "nobody", headers: { accept: PROTOBUF_TYPE } })] },
  { name: "404 of a path as protobuf", asked: [get("/nothing", { headers: { accept: PROTOBUF_TYPE } })] },
];

/** What an answer is written in. */
export const ACCEPT: readonly Row[] = [...ACCEPTED, ...TABLES];
