import { PROTOBUF_TYPE } from "../../../../services/shared/kubernetes/protobuf.ts";
import { APPROVED, csr, withConditions } from "../csr-body.ts";
import {
  type Exchange,
  type Headers,
  list,
  type Options,
  patch,
  post,
  put,
  type Row,
  remove,
  type Watch,
  watch,
} from "../row.ts";

const LABEL = "labelSelector=row%3D$name";
const labelled = (suffix: string, more: object = {}): object => ({
  name: `$name-${suffix}`,
  labels: { row: "$name", ...more },
});
const made = (suffix: string, more: object = {}): Exchange => post(csr({ metadata: labelled(suffix, more) }));
const at = (suffix: string, exchange: Exchange): Exchange => ({
  ...exchange,
  path: exchange.path.replace("$name", `$name-${suffix}`),
});

/** The list at the end sees to it that a server's cache has them, and gives `$revision`. */
const EXISTING = [made("b"), made("a"), list(LABEL)];

/** What happens to objects while they are watched. */
const EVENTS: readonly Exchange[] = [
  made("new"),
  at("new", put("/approval", csr({ metadata: labelled("new"), status: { conditions: [APPROVED] } }))),
  at("new", put("", csr({ metadata: labelled("new") }))),
  at("a", patch("merge", "", { metadata: { labels: { row: "gone" } } })),
  at("a", patch("merge", "", { metadata: { labels: { row: "$name" } } })),
  at("a", patch("merge", "", { metadata: { annotations: { x: "y" } } })),
  at("a", patch("merge", "", { metadata: { annotations: { x: "y" } } })),
  at("b", remove()),
  at("new", patch("merge", "", { metadata: { finalizers: ["example.com/a"] } })),
  at("new", remove()),
  at("new", patch("merge", "", { metadata: { finalizers: null } })),
];

const watched = (name: string, query: string, meanwhile: readonly Exchange[] = EVENTS, options: Options = {}): Row => ({
  name: `watch: ${name}`,
  given: EXISTING,
  asked: [watch(query, meanwhile, options)],
});

const accepting = (accept: string): { headers: Headers } => ({ headers: { accept } });
const TABLE = accepting("application/json;as=Table;v=v1;g=meta.k8s.io");
const PARTIAL = accepting("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
const PROTOBUF = accepting(PROTOBUF_TYPE);

const STREAMS: readonly Row[] = [
  watched("no resourceVersion", LABEL),
  watched("resourceVersion 0", `${LABEL}&resourceVersion=0`),
  watched("from a revision", `${LABEL}&resourceVersion=$revision`),
  watched("with bookmarks", `${LABEL}&resourceVersion=$revision&allowWatchBookmarks=true`),
  watched(
    "initial events",
    `${LABEL}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
  ),
  watched("initial events, no bookmarks", `${LABEL}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`),
  watched(
    "initial events from 0",
    `${LABEL}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=0`,
  ),
  watched(
    "initial events from a revision",
    `${LABEL}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=$revision`,
  ),
  watched("no initial events", `${LABEL}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`),
  watched(
    "no initial events from 0",
    `${LABEL}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0`,
  ),
  watched(
    "no initial events from a revision",
    `${LABEL}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=$revision`,
  ),
  watched("one name", "fieldSelector=metadata.name%3D$name-a&resourceVersion=0"),
  watched("one name from a revision", "fieldSelector=metadata.name%3D$name-new&resourceVersion=$revision"),
  watched("one name that is not there", "fieldSelector=metadata.name%3Dnone", []),
  watched("one signer", "fieldSelector=spec.signerName%3D$signer&resourceVersion=0"),
  watched("name and label", `${LABEL}&fieldSelector=metadata.name%3D$name-a&resourceVersion=$revision`),
  watched("not a name", `${LABEL}&fieldSelector=metadata.name!%3D$name-a&resourceVersion=$revision`),
  watched("a label that goes away", "labelSelector=row%3D$name,!none&resourceVersion=$revision"),
  watched("as tables", `${LABEL}&resourceVersion=0`, EVENTS, TABLE),
  watched("as tables from a revision", `${LABEL}&resourceVersion=$revision`, EVENTS, TABLE),
  watched("as tables, objects included", `${LABEL}&resourceVersion=$revision&includeObject=Object`, EVENTS, TABLE),
  watched("as tables, nothing included", `${LABEL}&resourceVersion=$revision&includeObject=None`, EVENTS, TABLE),
  watched(
    "as tables, initial events",
    `${LABEL}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    EVENTS,
    TABLE,
  ),
  watched("as metadata", `${LABEL}&resourceVersion=0`, EVENTS, PARTIAL),
  watched(
    "as metadata, initial events",
    `${LABEL}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    EVENTS,
    PARTIAL,
  ),
  watched("as protobuf", `${LABEL}&resourceVersion=0`, EVENTS, PROTOBUF),
  watched(
    "as protobuf, initial events",
    `${LABEL}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    EVENTS,
    PROTOBUF,
  ),
  watched(
    "as metadata in protobuf",
    `${LABEL}&resourceVersion=0`,
    EVENTS,
    accepting(`${PROTOBUF_TYPE};as=PartialObjectMetadata;v=v1;g=meta.k8s.io`),
  ),
  watched("dry runs are no events", `${LABEL}&resourceVersion=$revision`, [
    post(csr({ metadata: labelled("dry") }), { query: "dryRun=All" }),
    at("a", patch("merge", "", { metadata: { labels: { x: "y" } } }, { query: "dryRun=All" })),
    at("a", remove(undefined, { query: "dryRun=All" })),
  ]),
  watched("refused writes are no events", `${LABEL}&resourceVersion=$revision`, [
    made("a"),
    at("a", put("/approval", withConditions({}))),
    at("a", put("", csr({ metadata: { ...labelled("a"), resourceVersion: "1" } }))),
  ]),
];

/** What is answered at once; a stream without events otherwise. */
const answered = (query: string, options: Options = {}): Row => ({
  name: `watch: ?${query}${options.headers === undefined ? "" : ` ${JSON.stringify(options.headers)}`}`,
  given: EXISTING,
  asked: [watch(`${LABEL}&${query}`, [], options)],
});

const REFUSALS: readonly Row[] = [
  "resourceVersion=$future",
  "resourceVersion=x",
  "resourceVersion=-1",
  "resourceVersion=18446744073709551616",
  "resourceVersion=1",
  ...["true", "false", "", "x", "0"].flatMap((send) =>
    [
      "",
      "resourceVersionMatch=NotOlderThan",
      "resourceVersionMatch=Exact",
      "resourceVersionMatch=NotOlderThan&resourceVersion=$future",
    ].map((match) => `sendInitialEvents=${send}&${match}`),
  ),
  "resourceVersionMatch=NotOlderThan",
  "resourceVersionMatch=Exact&resourceVersion=$revision",
  "resourceVersionMatch=Whatever",
  "resourceVersionMatch=",
  "limit=5",
  "limit=x",
  "limit=",
  "continue=x",
  "allowWatchBookmarks=x",
  "allowWatchBookmarks=",
  "allowWatchBookmarks=true&resourceVersion=0",
  "allowWatchBookmarks=true&resourceVersion=",
  "timeout=5s",
  "timeout=x",
  "fieldSelector=a%3Db",
  "includeObject=x",
  "pretty=true",
  "watch=false",
].map((query) => answered(query));

const HEADERS: readonly Row[] = [
  "application/json;stream=watch",
  `${PROTOBUF_TYPE};stream=watch`,
  "application/yaml",
  "application/yaml, application/json",
  "text/html",
  "*/*",
  "application/*",
  "application/json;as=Table;v=v2;g=meta.k8s.io",
  "application/json;as=Table;v=v1beta1;g=meta.k8s.io",
  `${PROTOBUF_TYPE};as=Table;v=v1;g=meta.k8s.io`,
  "application/cbor",
  "application/cbor-seq",
  "application/json;pretty=1",
].map((accept) => answered("resourceVersion=0", accepting(accept)));

/** Query strings that ask for a watch, or not. */
const SWITCHES: readonly Row[] = [
  "watch",
  "watch=",
  "watch=1",
  "watch=TRUE",
  "watch=yes",
  "watch=False",
  "watch=f",
  "watch=0&watch=1",
  "Watch=1",
].map((query) => ({
  name: `watch: asked for by ?${query}`,
  given: EXISTING,
  asked: [
    {
      watch: `/apis/certificates.k8s.io/v1/certificatesigningrequests?${query}&timeoutSeconds=1&${LABEL}`,
    } satisfies Watch,
  ],
}));

const ODD_TIMEOUTS: readonly Row[] = [
  "timeoutSeconds=x",
  "timeoutSeconds=1.5",
  "timeoutSeconds=",
  "timeoutSeconds=99999999999999999999",
].map((query) => ({
  name: `watch: ?${query}`,
  given: EXISTING,
  asked: [list(`watch=1&${query}`, {})],
}));

const OLD_PATHS: readonly Row[] = [
  {
    name: "watch: by path",
    asked: [
      { watch: "/apis/certificates.k8s.io/v1/watch/certificatesigningrequests?timeoutSeconds=1&labelSelector=none" },
    ],
  },
  {
    name: "watch: one by path",
    given: EXISTING,
    asked: [{ watch: "/apis/certificates.k8s.io/v1/watch/certificatesigningrequests/$name-a?timeoutSeconds=1" }],
  },
  {
    name: "watch: one by its own path",
    given: EXISTING,
    asked: [{ watch: "/apis/certificates.k8s.io/v1/certificatesigningrequests/$name-a?watch=true&timeoutSeconds=1" }],
  },
  {
    name: "watch: bookmarks before the end",
    given: EXISTING,
    asked: [
      {
        watch: `/apis/certificates.k8s.io/v1/certificatesigningrequests?watch=1&${LABEL}&resourceVersion=$revision&timeoutSeconds=8&allowWatchBookmarks=true`,
        meanwhile: [made("new")],
        bookmarks: true,
      },
    ],
  },
];

/** Watches: which events, in which order and form, and what is refused. */
export const WATCH: readonly Row[] = [...STREAMS, ...REFUSALS, ...HEADERS, ...SWITCHES, ...ODD_TIMEOUTS, ...OLD_PATHS];
