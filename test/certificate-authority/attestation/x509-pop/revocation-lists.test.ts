import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  parseRevocationList,
  RevocationLists,
} from "../../../../services/certificate-authority/attestation/x509-pop/revocation-lists.ts";
import { buildChainAuthority, buildChainCertificate, buildList } from "../../../builders/certificate-chain.ts";
import { openssl } from "../../../builders/openssl.ts";
import { makeOpensslLeaf } from "../../../builders/openssl-leaf.ts";
import { refusalIn } from "../../../builders/proof-input.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";

test.each([
  { name: "ECDSA", newKey: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], sign: [] },
  { name: "RSA", newKey: ["rsa:2048"], sign: [] },
  { name: "RSA-PSS", newKey: ["rsa:2048"], sign: ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"] },
])("what openssl revokes with $name is revoked", async ({ newKey, sign }) => {
  const directory = temporaryDirectory();
  const path = (name: string) => join(directory, name);
  const key = ["-newkey", ...newKey, "-nodes", "-keyout", path("ca.key")];
  openssl("req", "-x509", ...key, "-subj", "/CN=machines", "-days", "1", "-out", path("ca.crt"));
  const authority = { certificateFile: path("ca.crt"), keyFile: path("ca.key") };
  const [good, bad] = ["good", "bad"].map((name) =>
    makeOpensslLeaf(directory, authority, { name, subject: `/CN=${name}`, extensions: ["keyUsage=digitalSignature"] }),
  );
  const entries = { database: path("index"), crlnumber: path("number"), default_md: "sha256" };
  const lines = Object.entries(entries).map(([entry, value]) => `${entry}=${value}`);
  writeFileSync(
    path("ca.cnf"),
    [
      "[ca]",
      "default_ca=own",
      "[own]",
      ...lines,
      "crl_extensions=ext",
      "[ext]",
      "authorityKeyIdentifier=keyid",
      "",
    ].join("\n"),
  );
  writeFileSync(path("index"), "");
  writeFileSync(path("number"), "01\n");
  const ca = ["ca", "-config", path("ca.cnf"), "-cert", authority.certificateFile, "-keyfile", authority.keyFile];
  const lists = new RevocationLists([path("ca.crl")]);
  const load = (file: string | undefined) => new X509Certificate(readFileSync(file ?? ""));
  const judge = (file: string | undefined) =>
    refusalIn(() => lists.requireUnrevoked([load(file), load(authority.certificateFile)], new Date(Date.now() + 1000)));
  openssl(...ca, "-gencrl", "-crldays", "1", "-out", path("ca.crl"), ...sign);
  expect(await judge(bad?.certificateFile)).toBe("accepted");
  openssl(...ca, "-revoke", bad?.certificateFile ?? "", "-crl_reason", "keyCompromise");
  openssl(...ca, "-gencrl", "-crldays", "1", "-out", path("ca.crl"), ...sign);
  expect(await judge(good?.certificateFile)).toBe("accepted");
  expect(await judge(bad?.certificateFile)).toContain("is revoked");
});

const issuer = buildChainAuthority({ commonName: "ca" });
const list = buildList({ issuer, revoked: [buildChainCertificate({ issuer }), buildChainCertificate({ issuer })] });

test("a CRL that is cut off anywhere cannot be read", () => {
  for (let length = 0; length < list.length; length += 1)
    expect(() => parseRevocationList(list.subarray(0, length))).toThrow(expect.objectContaining({ name: "DerError" }));
});

test("whatever octets a CRL has, it is read or refused in words", () => {
  const change = fc.array(fc.tuple(fc.nat(list.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(change, (changes) => {
      const changed = Buffer.from(list);
      for (const [at, value] of changes) changed[at] = value;
      try {
        parseRevocationList(changed);
      } catch (error) {
        expect((error as Error).name).toBe("DerError");
      }
    }),
    { numRuns: 2000 },
  );
});
