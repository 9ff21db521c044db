import { expect, test } from "@jest/globals";
import { z } from "zod";
import {
  resolveX509popPaths,
  x509popShape,
} from "../../../../services/certificate-authority/attestation/x509-pop/settings.ts";

const schema = z.strictObject(x509popShape);
const USUAL = { attestor: "x509pop", roots: "roots.pem", purpose: { extendedKeyUsage: "1.3.6.1.5.5.7.3.2" } };

test("paths are made absolute", () => {
  const settings = schema.parse({ ...USUAL, revocationLists: ["a.crl", "b.crl"] });
  expect(resolveX509popPaths(settings, (path) => `/etc/${path}`)).toEqual({
    ...USUAL,
    roots: "/etc/roots.pem",
    revocationLists: ["/etc/a.crl", "/etc/b.crl"],
    requireClientAddress: false,
  });
});

test.each<{ name: string; changes: object; path: readonly (string | number)[] }>([
  { name: "no roots", changes: { roots: "" }, path: ["roots"] },
  { name: "no purpose", changes: { purpose: {} }, path: ["purpose"] },
  {
    name: "a purpose by name",
    changes: { purpose: { extendedKeyUsage: "clientAuth" } },
    path: ["purpose", "extendedKeyUsage"],
  },
  { name: "an impossible identifier", changes: { purpose: { policy: "1.40.1" } }, path: ["purpose", "policy"] },
  { name: "an empty list of CRLs", changes: { revocationLists: [] }, path: ["revocationLists"] },
  { name: "an unknown key", changes: { root: "a" }, path: [] },
])("refused: $name", ({ changes, path }) => {
  const { error } = schema.safeParse({ ...USUAL, ...changes });
  expect(error?.issues.map((issue) => issue.path)).toEqual([path]);
});
