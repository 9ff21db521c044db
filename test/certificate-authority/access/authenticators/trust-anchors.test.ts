import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { trustAnchorsOf } from "../../../../services/certificate-authority/access/authenticators/trust-anchors.ts";
import { openssl } from "../../../builders/openssl.ts";
import { type CertificateFiles, CLIENT_EXTENSIONS, makeOpensslLeaf } from "../../../builders/openssl-leaf.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";

let directory: string;
let root: CertificateFiles;
let nodes: CertificateFiles;
let others: CertificateFiles;

beforeAll(() => {
  directory = temporaryDirectory();
  const files = { certificateFile: join(directory, "root.crt"), keyFile: join(directory, "root.key") };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", files.keyFile];
  openssl("req", "-x509", ...newKey, "-subj", "/CN=root", "-days", "9", "-out", files.certificateFile);
  root = files;
  const extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"];
  nodes = makeOpensslLeaf(directory, root, { name: "nodes", subject: "/CN=nodes", extensions });
  others = makeOpensslLeaf(directory, root, { name: "others", subject: "/CN=others", extensions });
});

const pem = ({ certificateFile }: CertificateFiles): string => readFileSync(certificateFile, "utf8");

function der({ certificateFile }: CertificateFiles): Buffer {
  const out = `${certificateFile}.der`;
  openssl("x509", "-in", certificateFile, "-outform", "DER", "-out", out);
  return readFileSync(out);
}

const leafOf = (authority: CertificateFiles, name: string): Buffer =>
  der(makeOpensslLeaf(directory, authority, { name, subject: `/CN=${name}`, extensions: CLIENT_EXTENSIONS }));

test.each([
  { name: "an intermediate by itself", anchors: () => pem(nodes), issued: { nodes: true, others: false, root: false } },
  { name: "a root and all below it", anchors: () => pem(root), issued: { nodes: true, others: true, root: true } },
  {
    name: "a root but for what is a stranger below it",
    anchors: () => pem(root),
    strangers: () => pem(others),
    issued: { nodes: true, others: false, root: true },
  },
  {
    name: "an intermediate, whoever else is a stranger",
    anchors: () => pem(nodes),
    strangers: () => pem(others) + pem(root),
    issued: { nodes: true, others: false, root: false },
  },
])("anchored at $name", ({ anchors, strangers = () => "", issued }) => {
  const found = trustAnchorsOf(anchors(), "the CA", strangers());
  const chain = [der(nodes), der(others), der(root)];
  const authorities = { nodes, others, root };
  for (const [name, expected] of Object.entries(issued)) {
    const leaf = leafOf(authorities[name as keyof typeof authorities], `leaf-of-${name}`);
    expect([name, found.issued(leaf, chain)]).toEqual([name, expected]);
  }
});

test("a stranger's certificate that was signed anew for the same key is one still", () => {
  const again = join(directory, "again.crt");
  const ca = ["-CA", root.certificateFile, "-CAkey", root.keyFile, "-CAcreateserial", "-days", "3"];
  const request = openssl("x509", "-x509toreq", "-in", others.certificateFile, "-signkey", others.keyFile);
  writeFileSync(join(directory, "again.csr"), request);
  writeFileSync(join(directory, "again.ext"), "basicConstraints=critical,CA:TRUE\n");
  openssl(
    "x509",
    "-req",
    "-in",
    join(directory, "again.csr"),
    ...ca,
    "-extfile",
    join(directory, "again.ext"),
    "-out",
    again,
  );
  const crossed = { certificateFile: again, keyFile: others.keyFile };
  const leaf = leafOf(crossed, "leaf-of-again");
  expect(trustAnchorsOf(pem(root), "the CA").issued(leaf, [der(crossed)])).toBe(true);
  expect(trustAnchorsOf(pem(root), "the CA", pem(others)).issued(leaf, [der(crossed)])).toBe(false);
});
