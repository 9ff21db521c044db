// The import table of services/README.md, section "Rooms", as rules. A room that is not named as allowed is forbidden.
const CA = "services/certificate-authority";
const NODE_AUTHORIZER = "services/node-authorizer";

/** Rooms of the certificate authority and what each may import besides itself and `services/shared`. */
const ROOMS = {
  http: ["issuance", "registry", "rotation", "access", "attestation", "domain"],
  kubernetes: ["issuance", "access", "domain"],
  issuance: ["approval", "registry", "domain"],
  registry: ["domain"],
  rotation: ["approval", "domain"],
  approval: ["domain"],
  attestation: ["domain"],
  access: ["registry", "domain"],
  signer: ["domain"],
  custody: ["domain"],
  ledger: ["domain"],
  "control-plane": ["domain"],
  domain: [],
};

/**
 * `diagnosis` looks at what other rooms use, through their own readers, so that it judges nothing otherwise than they do.
 * It reads configuration; only `doctor.ts` composes it.
 */
const DIAGNOSIS = ["diagnosis/", "custody/", "access/", "ledger/", "domain/", "configuration\\.ts$"];

/** Rooms of the node-authorizer, likewise. */
const NODE_AUTHORIZER_ROOMS = { http: ["domain"], "graph-feed": ["domain"], revocations: [], domain: [] };

const roomRules = [
  ...roomRulesOf(CA, ROOMS, ""),
  ...roomRulesOf(NODE_AUTHORIZER, NODE_AUTHORIZER_ROOMS, "authorizer-"),
];

function roomRulesOf(service, rooms, prefix) {
  return Object.entries(rooms).map(([room, allowed]) => ({
    name: `room-${prefix}${room}`,
    comment: `${room} imports only: ${[...allowed, "shared"].join(", ")}`,
    severity: "error",
    from: { path: `^${service}/${room}/` },
    to: {
      path: "^services/",
      pathNot: [`^services/shared/`, ...[room, ...allowed].map((name) => `^${service}/${name}/`)],
    },
  }));
}

/** One owner per library. */
const OWNERS = {
  express: [`${CA}/http`, `${NODE_AUTHORIZER}/http`],
  helmet: [`${CA}/http`, `${NODE_AUTHORIZER}/http`],
  "better-sqlite3": [`${CA}/ledger`],
  "@peculiar/": [`${CA}/signer`, `${CA}/custody`],
  "reflect-metadata": [`${CA}/signer`, `${CA}/custody`],
  "@grpc/": [`${CA}/custody`],
  "@noble/ciphers": [`${CA}/custody`],
  pkcs11js: [`${CA}/custody`],
  "@marcbachmann/cel-js": ["services/shared/cel"],
  re2js: ["services/shared/cel"],
  "@kubernetes/client-node": [`${CA}/kubernetes`, "services/node-authorizer/graph-feed"],
};

const ownerRules = Object.entries(OWNERS).map(([library, owners]) => ({
  name: `owner-of-${library.replace(/\W+/g, "-")}`,
  comment: `${library} is used in ${owners.join(" and ")} only`,
  severity: "error",
  from: { path: "^services/", pathNot: owners.map((owner) => `^${owner}/`) },
  to: { path: `node_modules/(@types/)?${library}` },
}));

export default {
  forbidden: [
    ...roomRules,
    {
      name: "room-diagnosis",
      comment:
        "diagnosis reads configuration and what custody, access, ledger and domain know; nobody but doctor.ts uses it",
      severity: "error",
      from: { path: `^${CA}/diagnosis/` },
      to: { path: "^services/", pathNot: ["^services/shared/", ...DIAGNOSIS.map((path) => `^${CA}/${path}`)] },
    },
    {
      name: "diagnosis-through-doctor",
      severity: "error",
      from: { path: "^services/", pathNot: [`^${CA}/diagnosis/`, `^${CA}/doctor\\.ts$`] },
      to: { path: `^${CA}/diagnosis/` },
    },
    ...ownerRules,
    {
      name: "shared-imports-nothing-of-ours",
      severity: "error",
      from: { path: "^services/shared/" },
      to: { path: "^services/", pathNot: "^services/shared/" },
    },
    {
      name: "node-authorizer-by-itself",
      comment: "the services never import each other",
      severity: "error",
      from: { path: `^${NODE_AUTHORIZER}/` },
      to: { path: "^services/", pathNot: ["^services/shared/", `^${NODE_AUTHORIZER}/`] },
    },
    {
      name: "node-agent-by-itself",
      comment: "what runs on nodes knows the services by their API alone",
      severity: "error",
      from: { path: "^services/node-agent/" },
      to: { path: "^services/", pathNot: ["^services/shared/", "^services/node-agent/"] },
    },
    {
      name: "nobody-needs-node-agent",
      severity: "error",
      from: { path: `^(${CA}|${NODE_AUTHORIZER})/` },
      to: { path: "^services/node-agent/" },
    },
    {
      name: "certificate-authority-by-itself",
      severity: "error",
      from: { path: `^${CA}/` },
      to: { path: `^${NODE_AUTHORIZER}/` },
    },
    {
      name: "domain-is-pure",
      comment: "domain has no I/O: only node:crypto-free, clock-free code",
      severity: "error",
      from: { path: `^(${CA}|${NODE_AUTHORIZER})/domain/` },
      to: { dependencyTypes: ["core", "npm"] },
    },
    {
      name: "cli-reaches-services-through-main",
      severity: "error",
      from: { path: "^services/cli/" },
      to: { path: "^services/", pathNot: ["^services/(shared|cli)/", "^services/[^/]+/(main|doctor)\\.ts$"] },
    },
    {
      name: "nobody-imports-main",
      severity: "error",
      from: { path: "^services/", pathNot: "^services/cli/" },
      to: { path: "^services/[^/]+/(main|doctor)\\.ts$" },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-tests-in-services",
      severity: "error",
      from: { path: "^services/" },
      to: { path: "^(test|scripts)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      extensions: [".ts", ".mjs", ".js", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"],
    },
  },
};
