import { expect, test } from "@jest/globals";
import { attestationWarnings } from "../../../services/certificate-authority/attestation/attestation-warnings.ts";
import { autoApprovedGroups } from "../../../services/certificate-authority/attestation/auto-approval.ts";
import { attestationSchema } from "../../../services/certificate-authority/attestation/settings.ts";

/** Allows what the group may do, and nothing else. */
function allowing(allowed: string) {
  return {
    authorize: async (
      { groups }: { readonly groups: readonly string[] },
      { subresource }: { subresource?: string },
    ) => ({
      allowed: groups.includes(allowed) && subresource === "nodeclient",
      reason: "",
    }),
  } as Parameters<typeof autoApprovedGroups>[0];
}

test.each([
  ["system:bootstrappers:node-attest", ["system:bootstrappers:node-attest"]],
  ["system:bootstrappers", ["system:bootstrappers"]],
  ["system:authenticated", ["system:authenticated"]],
  ["system:nodes", []],
])("where %s is approved for any name, %j are found", async (allowed, found) => {
  expect(await autoApprovedGroups(allowing(allowed))).toEqual(found);
});

const PROFILE = { name: "metal", attestor: "tpm2", ekRoots: "roots", firstUse: false } as const;
const settings = (changes: object = {}) =>
  attestationSchema.parse({ audience: "https://ca.example/v1/attest", profiles: [PROFILE], ...changes });

test("what is less safe is named by its setting", () => {
  const said = attestationWarnings(
    settings({
      profiles: [{ ...PROFILE, allowUncertifiedEk: true, pcrPolicy: "pcr.json" }],
      ...{ credential: { kind: "token" }, onNodeReady: "allow" },
    }),
    { isAsked: false },
  );
  expect(said).toHaveLength(4);
  for (const name of ["no node-attestation", "credential.kind", "onNodeReady is allow", "allowUncertifiedEk"])
    expect(said.some((warning) => warning.includes(name))).toBe(true);
  expect(attestationWarnings(settings(), { isAsked: true })).toEqual([
    expect.stringContaining("nodeObject is not set"),
    expect.stringContaining("no pcrPolicy"),
  ]);
  expect(attestationWarnings(undefined, { isAsked: true })).toHaveLength(1);
  expect(attestationWarnings(undefined, { isAsked: false })).toEqual([]);
});

test.each([
  ["no profile", { profiles: [] }, "profiles"],
  ["an audience that is no URL", { audience: "node-ca" }, "audience"],
  ["plain HTTP", { audience: "http://ca.example" }, "audience"],
  ["two profiles of one name", { profiles: [PROFILE, PROFILE] }, "name"],
  ["a tpm2 profile without roots", { profiles: [{ name: "a", attestor: "tpm2" }] }, "ekRoots"],
  ["first use without a name", { profiles: [{ ...PROFILE, firstUse: true }] }, "nodeName"],
  ["a name for a join token", { profiles: [{ name: "a", attestor: "join_token", nodeName: "{a}" }] }, "join token"],
  ["no field in a name", { profiles: [{ ...PROFILE, nodeName: "node" }] }, "all machines"],
  ["an empty allow list", { profiles: [{ name: "a", attestor: "aws_iid", accounts: [] }] }, "accounts"],
  ["an unknown key", { colour: "red" }, "colour"],
  ["names that are given away unseen", { onNameConflict: "replace-if-gone" }, "nodeObject"],
])("%s is refused", (_what, changes, word) => {
  const given = { audience: "https://ca.example/v1/attest", profiles: [PROFILE], ...changes };
  const { error } = attestationSchema.safeParse(given);
  expect(JSON.stringify(error?.issues)).toContain(word);
});
