import { expect, test } from "@jest/globals";
import { approvalSchema } from "../../services/certificate-authority/approval/settings.ts";
import { attestationSchema } from "../../services/certificate-authority/attestation/settings.ts";
import {
  type AttestationWatchParts,
  createAttestationWatch,
} from "../../services/certificate-authority/configured-attestation.ts";
import { recordingLogger } from "../fakes/recording-logger.ts";

const attestation = attestationSchema.parse({
  audience: "https://ca.example/v1/attest",
  profiles: [{ name: "tokens", attestor: "join_token" }],
});
const hooksOf = (...hooks: readonly object[]) => approvalSchema.parse({ hooks }).hooks;
const DENYING = hooksOf({ "node-attestation": {} });
const IGNORING = hooksOf({ "node-attestation": { others: "ignore" } }, { "kubelet-client": {} });

/** Bootstrappers are approved for any node's name, or nobody is. */
function watch(changes: Partial<AttestationWatchParts> & { readonly allowed?: boolean } = {}) {
  const { allowed = true, ...parts } = changes;
  const { logger, lines } = recordingLogger();
  const authorizer: AttestationWatchParts["authorizer"] = {
    authorize: ({ groups }) => ({ allowed: allowed && groups.includes("system:bootstrappers"), reason: "" }),
  };
  const watched = createAttestationWatch(
    { attestation },
    { authorizer, isInCluster: true, hooks: () => DENYING, logger, ...parts },
  );
  return { watched, lines };
}

test("in a cluster it is not well before somebody looked, nor while anybody is approved past attestation", async () => {
  const { watched, lines } = watch();
  expect(() => watched.requireNone()).toThrow("nobody could look yet");
  expect(await watched.check()).toEqual(["system:bootstrappers"]);
  expect(() => watched.requireNone()).toThrow("system:bootstrappers may be approved past attestation");
  expect(lines).toHaveLength(1);
  const sound = watch({ allowed: false }).watched;
  expect(await sound.check()).toEqual([]);
  expect(() => sound.requireNone()).not.toThrow();
});

test.each([
  ["other hooks may approve", IGNORING],
  ["no hook asks for attestation", hooksOf({ "kubelet-client": {} })],
  ["the hook is asked about some only", hooksOf({ "node-attestation": { requesters: { users: ["a"] } } })],
])("standalone, where %s, it looks as well", async (_what, hooks) => {
  const { watched } = watch({ isInCluster: false, hooks: () => hooks });
  expect(await watched.check()).toEqual(["system:bootstrappers"]);
  expect(() => watched.requireNone()).toThrow(/approved past attestation/);
});

test("standalone, the hook denies whoever did not attest, for as long as it is in the chain", async () => {
  let hooks = DENYING;
  const { watched } = watch({ isInCluster: false, hooks: () => hooks });
  expect(await watched.check()).toEqual([]);
  expect(() => watched.requireNone()).not.toThrow();
  hooks = IGNORING;
  expect(() => watched.requireNone()).toThrow("nobody could look yet");
  expect(await watched.check()).toEqual(["system:bootstrappers"]);
});

test("an authorizer that does not answer leaves what was known", async () => {
  const authorize = () => Promise.reject(new Error("no answer"));
  const { watched } = watch({ authorizer: { authorize } });
  await expect(watched.check()).rejects.toThrow("no answer");
  expect(() => watched.requireNone()).toThrow("nobody could look yet");
});
