/** What Gatehouse answers otherwise than kube-apiserver, on purpose. */
export interface IntendedDifference {
  readonly reason: string;
  /** Status code, and reason or kind of the body, of the first answer that differs. */
  readonly ours: string;
  readonly theirs: string;
  readonly rows: readonly string[];
}

const CREATED = "201 CertificateSigningRequest";
const FOUND = "200 CertificateSigningRequest";

/** Who is told what without credentials. */
const CALLERS: readonly IntendedDifference[] = [
  {
    reason: "without credentials only health, version and the trust bundle are open; a lost credential is told by 401",
    ours: "401 Unauthorized",
    theirs: "403 Forbidden",
    rows: [
      ...["", ", writing", " for /api", " for /apis", " for /apis/certificates.k8s.io/v1", " for /openapi/v3"].map(
        (what) => `credentials: none${what}`,
      ),
      "credentials: none for /metrics",
      ...["", "Bearer", "Basic YTpi", "Nonsense"].map((value) => `credentials: Authorization ${value}`),
      "impersonate: anonymous, admin",
      "impersonate: anonymous, called authenticated, admin",
      "impersonate: rights are those of the user",
      "rules review: anonymous",
      "self review: anonymous, anonymous",
      "subject review: asked by anonymous",
      "who am I: anonymous",
      ...["creates", "deletes", "deletes all", "gets", "lists", "patches", "reads approval", "replaces", "watches"].map(
        (verb) => `verbs: nobodyNamed ${verb}`,
      ),
    ],
  },
  {
    reason: "HEAD tells no more than GET, so whoever may GET a path may HEAD it",
    ours: "200 nothing",
    theirs: "403 nothing",
    rows: ["/api", "/apis", "/openapi/v3", "/version"].map((path) => `credentials: nobody in particular for ${path}`),
  },
  {
    reason: "every decision has a reason, that on system:masters too",
    ours: "201 SelfSubjectAccessReview",
    theirs: "201 SelfSubjectAccessReview",
    rows: ["create", "get", "path", "secret path", "selfnodeclient"].map((what) => `self review: ${what}, masters`),
  },
  {
    reason:
      "every decision has a reason, that on system:masters too; an extra's null is echoed as the empty list it is",
    ours: "201 SubjectAccessReview",
    theirs: "201 SubjectAccessReview",
    rows: ["subject review: system:masters", "subject review: extra null"],
  },
];

/** Where kube-apiserver calls a client's mistake its own. */
const BLAME: readonly IntendedDifference[] = [
  {
    reason: "what is wrong with a request is the client's to know: 400, not 500",
    ours: "400 BadRequest",
    theirs: "500 Failure",
    rows: [
      "create: a resourceVersion",
      "order: create, name taken, resourceVersion set",
      ...["-1", "x", "x, not there"].map((version) => `get: resourceVersion ${version}`),
      ...["-1", "x", "18446744073709551616"].map((version) => `watch: ?resourceVersion=${version}`),
      ...[
        "a directive that is a number",
        "an order that is no list",
        "an order that lacks what is merged",
        "an owner that is text",
        "an owner without uid",
        "an unknown directive",
        "labels merged by directive",
      ].map((what) => `patch strategic: ${what}`),
    ],
  },
  {
    reason:
      "what is wrong with a request is the client's to know: a binding without role is invalid, not a mistake of ours",
    ours: "422 Invalid",
    theirs: "500 Failure",
    rows: ["rbac: bind no role", "rbac: bind an empty role"],
  },
  {
    reason: "a resourceVersion that no object can have is not that of this one",
    ours: "409 Conflict",
    theirs: "500 Failure",
    rows: ["main", "/approval", "/status"].map((target) => `update ${target}: resourceVersion garbage`),
  },
];

/** Media types and encodings. */
const FORMS: readonly IntendedDifference[] = [
  {
    reason: "RFC 9110: media types have no case, ranges such as application/* and quoted parameters are understood",
    ours: FOUND,
    theirs: "406 NotAcceptable",
    rows: ["accept: Application/JSON", "accept: application/*"],
  },
  {
    reason: "RFC 9110, as above",
    ours: "200 Table",
    theirs: "406 NotAcceptable",
    rows: [
      "accept: application/*;as=Table;v=v1;g=meta.k8s.io",
      'accept: application/json;as="Table";v="v1";g="meta.k8s.io"',
    ],
  },
  {
    reason: "RFC 9110, as above; YAML has no form for streams, so what else is acceptable is taken",
    ours: "200 events",
    theirs: "406 NotAcceptable",
    rows: ["application/*", "application/yaml, application/json"].map(
      (accept) => `watch: ?resourceVersion=0 ${JSON.stringify({ accept })}`,
    ),
  },
  {
    reason: "RFC 9110 section 12.4.2: a quality of 0 refuses a type",
    ours: "406 NotAcceptable",
    theirs: FOUND,
    rows: ["application/json;q=0", "application/json;q=-1", "*/*;q=0"].map((accept) => `accept: ${accept}`),
  },
  {
    reason: "RFC 9110 section 12.4.2: anything but JSON was asked for",
    ours: FOUND,
    theirs: FOUND,
    rows: ["accept: application/json;q=0,*/*"],
  },
  {
    reason: "RFC 9110 section 8.3.1: media types have no case",
    ours: FOUND,
    theirs: "415 UnsupportedMediaType",
    rows: ["patch: Content-Type merge in upper case"],
  },
  {
    reason: "a parameter that says nothing changes nothing",
    ours: CREATED,
    theirs: "415 UnsupportedMediaType",
    rows: ["content type: JSON with a bad parameter"],
  },
  {
    reason: "a compressed body is refused by name, not misread",
    ours: "415 UnsupportedMediaType",
    theirs: CREATED,
    rows: ["content type: Content-Encoding gzip"],
  },
  {
    reason: "a table of what /approval answers is as good as any other",
    ours: "200 Table",
    theirs: "406 NotAcceptable",
    rows: ["table: of an approval"],
  },
  {
    reason: "a body holds one object; none is passed over in silence",
    ours: "400 BadRequest",
    theirs: CREATED,
    rows: ["content type: YAML of two documents"],
  },
  {
    reason: "YAML is read as version 1.2, to which yes is a text; a number has one value however it is written",
    ours: CREATED,
    theirs: "400 BadRequest",
    rows: [
      "content type: YAML with yes for a label",
      "create: expirationSeconds 600.0",
      "create: expirationSeconds 6e2",
    ],
  },
  {
    reason: "a duplicate field in YAML is named by its path, as one in JSON is",
    ours: CREATED,
    theirs: CREATED,
    rows: ["options: Warn, YAML: a duplicate field"],
  },
  {
    reason: "bytes are base64 in JSON, not lists of numbers",
    ours: "400 BadRequest",
    theirs: "422 Invalid",
    rows: ["create: request of numbers"],
  },
];

/** What a request's DER may be. */
const REQUESTS: readonly IntendedDifference[] = [
  {
    reason: "what Go would pass over (texts it drops from the subject, malformed DER) is refused instead of guessed",
    ours: "422 Invalid",
    theirs: CREATED,
    rows: [
      "SAN with trailing bytes",
      "an attribute of no value",
      "key with trailing bytes",
      "something after the attributes",
      "subject GeneralString",
      "subject TeletexString",
      "subject UniversalString",
      "subject VisibleString",
      "subject value number",
    ].map((what) => `create: request PEM: ${what}`),
  },
];

/** Features that are not there. */
const FEATURES: readonly IntendedDifference[] = [
  {
    reason: "server-side apply is not offered",
    ours: "415 UnsupportedMediaType",
    theirs: "400 BadRequest",
    rows: ["order: patch, apply"],
  },
  {
    reason: "nothing depends on a request, so that there is no garbage to collect before it goes",
    ours: "200 Success",
    theirs: FOUND,
    rows: [
      ...["?orphanDependents=true", "?orphanDependents=x", "?propagationPolicy=Orphan", "finalizer orphan"],
      ...["not held, Foreground", "not held, Orphan", "orphan dependents"],
      ...["propagation Foreground", "propagation Orphan"],
    ].map((what) => `delete: ${what}`),
  },
  {
    reason: "as above; the finalizers of others stay",
    ours: FOUND,
    theirs: FOUND,
    rows: ["delete: finalizers orphan and another, in foreground", "delete: held, in foreground"],
  },
  {
    reason: "there are no continue tokens: what is left is found by asking again",
    ours: "200 CertificateSigningRequestList",
    theirs: "200 CertificateSigningRequestList",
    rows: ["delete all: limit"],
  },
  {
    reason: "a client that knows a later revision than the server, restored from a backup, learns it at once",
    ours: "504 Timeout",
    theirs: "200 events",
    rows: [
      "watch: ?resourceVersion=$future",
      ...["", "0", "false", "true", "x"].map(
        (send) => `watch: ?sendInitialEvents=${send}&resourceVersionMatch=NotOlderThan&resourceVersion=$future`,
      ),
    ],
  },
  {
    reason: "the paths below /watch/, deprecated since Kubernetes 1.11, are not served",
    ours: "404 NotFound",
    theirs: "200 events",
    rows: ["watch: by path", "watch: one by path"],
  },
];

/** Paths and discovery. */
const PATHS: readonly IntendedDifference[] = [
  {
    reason: "errors are a Status everywhere",
    ours: "404 NotFound",
    theirs: "404 text",
    rows: [
      "404 of a path as protobuf",
      "discovery: /apis/nothing.k8s.io application/json",
      "discovery: /apis/nothing.k8s.io/v1 application/json",
      "order: get, unknown group",
      "path: //apis/certificates.k8s.io/v1/certificatesigningrequests?labelSelector=none",
      "path: /certificates.k8s.io/v1/certificatesigningrequests",
      "path: /nothing",
    ],
  },
  {
    reason: "errors are a Status everywhere",
    ours: "400 BadRequest",
    theirs: "400 text",
    rows: ["%", "%zz"].map((name) => `path: /apis/certificates.k8s.io/v1/certificatesigningrequests/${name}`),
  },
  {
    reason: "a path that is not UTF-8 is not guessed at",
    ours: "400 BadRequest",
    theirs: "404 NotFound",
    rows: ["path: /apis/certificates.k8s.io/v1/certificatesigningrequests/%ff"],
  },
  {
    reason: "what can only be read takes no other method",
    ours: "405 MethodNotAllowed",
    theirs: "200 APIGroupList",
    rows: ["method: OPTIONS /apis"],
  },
  {
    reason: "what can only be read takes no other method",
    ours: "405 MethodNotAllowed",
    theirs: "200 text",
    rows: ["method: OPTIONS /healthz"],
  },
  {
    reason: "discovery is read by programs, which take JSON",
    ours: "406 NotAcceptable",
    theirs: "200 APIGroup",
    rows: ["discovery: /apis/certificates.k8s.io application/yaml"],
  },
  {
    reason: "discovery is read by programs, which take JSON",
    ours: "406 NotAcceptable",
    theirs: "200 APIResourceList",
    rows: ["discovery: /apis/certificates.k8s.io/v1 application/yaml"],
  },
  {
    reason: "kubectl up to 1.29 asks for aggregated discovery in v2beta1",
    ours: "200 APIGroupDiscoveryList",
    theirs: "406 NotAcceptable",
    rows: ["discovery: /apis application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"],
  },
  {
    reason: "there is no core group here",
    ours: "200 APIVersions",
    theirs: "200 APIVersions",
    rows: ["discovery: /api application/json"],
  },
  {
    reason: "the version says which server it is",
    ours: "200 object",
    theirs: "200 object",
    rows: [
      "credentials: none for /version",
      "discovery: /version application/json",
      "discovery: /version/ application/json",
    ],
  },
];

/** What is signed; "certificate" or "refused" stand for an answer. */
const SIGNING: readonly IntendedDifference[] = [
  {
    reason: "weak keys are not certified, whoever approves",
    ours: "refused",
    theirs: "certificate",
    rows: ["key ecdsa-p224", "key rsa-1024", "an RSA key of exponent 3"].map((what) => `kubelet client: ${what}`),
  },
  {
    reason: "a URI that RFC 3986 does not know is refused, not rewritten into another that was not asked for",
    ours: "refused",
    theirs: "certificate",
    rows: ["a b", "a|b^c"].map((path) => `client: URI https://example.com/${path}`),
  },
];

export const INTENDED_DIFFERENCES: readonly IntendedDifference[] = [
  ...CALLERS,
  ...BLAME,
  ...FORMS,
  ...REQUESTS,
  ...FEATURES,
  ...PATHS,
  ...SIGNING,
];
