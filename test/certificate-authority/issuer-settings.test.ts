import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import { issuerNameOf, issuersInOrder, pathLengthOf } from "../../services/certificate-authority/issuer-settings.ts";
import { issuerWarnings } from "../../services/certificate-authority/issuer-warnings.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";

let directory: string;
beforeAll(() => {
  directory = temporaryDirectory();
});

function load(settings: object) {
  const configFile = join(directory, "gatehouse.yaml");
  const kind = { apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration" };
  writeFileSync(configFile, JSON.stringify({ ...kind, ...settings }));
  return loadConfiguration({ configFile });
}

const ROOT = { name: "root", commonName: "Root" };
const TOKEN = { name: "hsm", module: "/m.so", tokenLabel: "ca", pinFile: "pin" };
const CLIENT = "kubernetes.io/kube-apiserver-client";
const DAY = 86_400;

test.each([
  {
    name: "a parent that is not there",
    settings: { issuer: { parent: "root" } },
    says: /no issuer called root[\s\S]*at issuer\.parent/,
  },
  {
    name: "an issuer above itself",
    settings: {
      issuers: [
        { ...ROOT, parent: "a" },
        { name: "a", commonName: "A", parent: "root" },
      ],
    },
    says: /root would be above itself[\s\S]*at issuers\[0\]\.parent/,
  },
  {
    name: "an issuer that is its own parent",
    settings: { issuers: [{ ...ROOT, parent: "root" }] },
    says: /root would be above itself/,
  },
  {
    name: "a parent that signs no CA",
    settings: { issuer: { parent: "root" }, issuers: [{ ...ROOT, pathLength: 0 }] },
    says: /root has path length 0 and signs no CA[\s\S]*at issuer\.parent/,
  },
  {
    name: "a path length as long as the parent's",
    settings: { issuer: { parent: "root", pathLength: 1 }, issuers: [{ ...ROOT, pathLength: 1 }] },
    says: /must be less than 1, the path length of root[\s\S]*at issuer\.pathLength/,
  },
  {
    name: "a grandchild below a path length of 1",
    settings: {
      issuer: { parent: "a" },
      issuers: [
        { ...ROOT, pathLength: 1 },
        { name: "a", commonName: "A", parent: "root" },
      ],
    },
    says: /a has path length 0 and signs no CA/,
  },
  {
    name: "more issuers one below the other than anybody needs",
    settings: {
      issuer: { parent: "d" },
      issuers: ["a", "b", "c", "d"].map((name, index, all) => ({ name, commonName: name, parent: all[index - 1] })),
    },
    says: /more than 4 issuers one below the other/,
  },
  {
    name: "an issuer that outlives its parent",
    settings: { issuer: { parent: "root" }, issuers: [{ ...ROOT, lifetimeDays: 3649 }] },
    says: /must not outlive root, which lives 3649 days[\s\S]*at issuer\.lifetimeDays/,
  },
  {
    name: "certificates that outlive the issuer",
    settings: { issuer: { lifetimeDays: 364 } },
    says: /certificates of 31536000 seconds outlive the issuer default, which lives 364 days[\s\S]*signing\.maxDurationSeconds/,
  },
  {
    name: "certificates that outlive a signer's own issuer",
    settings: {
      issuers: [{ ...ROOT, lifetimeDays: 30 }],
      signers: [{ signerName: CLIENT, issuer: "root" }],
      signing: { maxDurationSeconds: 30 * DAY + 1 },
    },
    says: /outlive the issuer root/,
  },
  {
    name: "two issuers of a name",
    settings: { issuers: [ROOT, { name: "root", commonName: "Other" }] },
    says: /another issuer called root[\s\S]*at issuers\[1\]\.name/,
  },
  {
    name: "an issuer that takes the default one's name",
    settings: { issuers: [{ name: "default", commonName: "Root" }] },
    says: /another issuer called default/,
  },
  {
    name: "two issuers of a common name",
    settings: { issuers: [{ name: "root", commonName: "gatehouse-ca" }] },
    says: /another issuer has the common name gatehouse-ca/,
  },
  { name: "a name that is none", settings: { issuers: [{ name: "Root_1", commonName: "R" }] }, says: /lower-case/ },
  { name: "no common name", settings: { issuers: [{ name: "root" }] }, says: /issuers\[0\]\.commonName/ },
  {
    name: "files and a parent",
    settings: { issuer: { import: { certificateFile: "c", keyFile: "k" }, parent: "root" }, issuers: [ROOT] },
    says: /import and parent exclude each other/,
  },
  {
    name: "a parent and somebody else",
    settings: { issuer: { parent: "root", externallySigned: true }, issuers: [ROOT] },
    says: /parent and externallySigned exclude each other/,
  },
  {
    name: "a shape for files",
    settings: { issuer: { import: { certificateFile: "c", keyFile: "k" }, pathLength: 0 } },
    says: /an imported CA has its path length and name constraints already/,
  },
  {
    name: "a signer of an issuer that is not there",
    settings: { signers: [{ signerName: CLIENT, issuer: "nobody" }] },
    says: /no issuer called nobody[\s\S]*at signers\[0\]\.issuer/,
  },
  {
    name: "a signer twice",
    settings: { signers: [1, 2].map(() => ({ signerName: CLIENT, issuer: "default" })) },
    says: /has an issuer already[\s\S]*at signers\[1\]\.signerName/,
  },
  {
    name: "an unknown signer",
    settings: { signers: [{ signerName: "kubernetes.io/x", issuer: "default" }] },
    says: /signers\[0\]\.signerName/,
  },
  {
    name: "a token that is not configured",
    settings: { tokens: [TOKEN], issuer: { token: "other" } },
    says: /there is no token called other; configured are: hsm[\s\S]*at issuer\.token/,
  },
  { name: "a key label without a token", settings: { issuer: { keyLabel: "ca" } }, says: /at issuer\.keyLabel/ },
  {
    name: "two issuers with one key",
    settings: {
      tokens: [TOKEN],
      issuer: { token: "hsm", keyLabel: "gatehouse-root" },
      issuers: [{ ...ROOT, token: "hsm" }],
    },
    says: /another issuer has its key in hsm under "gatehouse-root"[\s\S]*at issuers\[0\]\.keyLabel/,
  },
  {
    name: "a key in a token and in a file",
    settings: { tokens: [TOKEN], issuer: { token: "hsm", import: { certificateFile: "c", keyFile: "k" } } },
    says: /a key is in one place[\s\S]*at issuer\.import\.keyFile/,
  },
  {
    name: "a certificate without any key",
    settings: { issuer: { import: { certificateFile: "c" } } },
    says: /is needed, unless token says where the key is[\s\S]*at issuer\.import\.keyFile/,
  },
  ...[
    { token: { ...TOKEN, tokenLabel: undefined }, says: /must name the token by tokenLabel, serial or slot/ },
    { token: { ...TOKEN, pinFile: undefined }, says: /must say where the PIN is: by pinFile or by pinEnvironment/ },
    { token: { ...TOKEN, pinEnvironment: "PIN" }, says: /must say where the PIN is.*not both/ },
    {
      token: { ...TOKEN, pinFile: undefined, pinEnvironment: "12 34" },
      says: /must be the name of an environment variable/,
    },
    { token: { ...TOKEN, pin: "1234" }, says: /Unrecognized key: "pin"/ },
    { token: { ...TOKEN, timeoutSeconds: 0 }, says: /tokens\[0\]\.timeoutSeconds/ },
  ].map(({ token, says }, index) => ({
    name: `a token that cannot be found or entered, ${index}`,
    settings: { tokens: [token] },
    says,
  })),
  { name: "two tokens of a name", settings: { tokens: [TOKEN, TOKEN] }, says: /two tokens have the same name/ },
  ...[
    { ipRanges: ["10.0.0.0"] },
    { ipRanges: ["10.0.0.0/33"] },
    { ipRanges: ["example.com/8"] },
    { ipRanges: ["::ffff:10.0.0.0/104"] },
    { emailAddresses: [""] },
    { uriHosts: ["é.example.com"] },
    { directoryNames: [{}] },
    { registeredIds: [] },
  ].map((permitted) => ({
    name: `name constraints of ${JSON.stringify(permitted)}`,
    settings: { issuer: { nameConstraints: { permitted } } },
    says: /issuer\.nameConstraints\.permitted/,
  })),
])("$name is refused by its path", ({ settings, says }) => {
  expect(() => load(settings)).toThrow(expect.objectContaining({ name: "ConfigurationError" }));
  expect(() => load(settings)).toThrow(says);
});

test("paths of tokens are relative to the file, but for modules that the system finds by name", () => {
  const { tokens } = load({
    tokens: [
      { ...TOKEN, module: "lib/m.so" },
      { ...TOKEN, name: "b", module: "libsofthsm2.so" },
    ],
  });
  expect(tokens).toEqual([
    { ...TOKEN, module: join(directory, "lib/m.so"), pinFile: join(directory, "pin"), timeoutSeconds: 5 },
    { ...TOKEN, name: "b", module: "libsofthsm2.so", pinFile: join(directory, "pin"), timeoutSeconds: 5 },
  ]);
});

test("issuers stand behind their parents, whatever their order", () => {
  const configuration = load({
    issuer: { parent: "a" },
    issuers: [{ name: "a", commonName: "A", parent: "root" }, ROOT, { name: "b", commonName: "B" }],
  });
  expect(issuersInOrder(configuration).map(({ name }) => name)).toEqual(["root", "b", "a", "default"]);
});

test("a path length that is not given is one less than the parent's", () => {
  const configuration = load({
    issuer: { parent: "a" },
    issuers: [
      { ...ROOT, pathLength: 3 },
      { name: "a", commonName: "A", parent: "root" },
    ],
  });
  const all = issuersInOrder(configuration);
  expect(all.map((issuer) => [issuer.name, pathLengthOf(issuer, all)])).toEqual([
    ["root", 3],
    ["a", 2],
    ["default", 1],
  ]);
  const plain = issuersInOrder(load({ issuer: { parent: "root" }, issuers: [ROOT] }));
  expect(plain.map((issuer) => pathLengthOf(issuer, plain))).toEqual([undefined, undefined]);
});

test("signers have the default issuer unless another is named", () => {
  const { signers } = load({ issuers: [ROOT], signers: [{ signerName: CLIENT, issuer: "root" }] });
  expect([issuerNameOf(CLIENT, signers), issuerNameOf("gatehouse.dev/serving", signers)]).toEqual(["root", "default"]);
});

test("files of every issuer are relative to the configuration", () => {
  const files = { certificateFile: "c", keyFile: "k", chainFile: "/chain" };
  const { issuer, issuers } = load({ issuer: { import: files }, issuers: [{ ...ROOT, import: files }] });
  const resolved = { certificateFile: join(directory, "c"), keyFile: join(directory, "k"), chainFile: "/chain" };
  expect([issuer.import, issuers[0]?.import]).toEqual([resolved, resolved]);
});

test("name constraints on directory names are warned of, since programs in Go refuse them", () => {
  const nameConstraints = { excluded: { directoryNames: [{ organization: ["system:masters"] }] } };
  expect(issuerWarnings(load({ issuer: { nameConstraints } }))).toEqual([expect.stringContaining("default")]);
  expect(issuerWarnings(load({ issuer: { nameConstraints: { permitted: { dnsNames: ["a"] } } } }))).toEqual([]);
});
