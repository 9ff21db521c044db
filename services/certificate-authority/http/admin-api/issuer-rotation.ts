import { z } from "zod";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import { ROTATION_FORCES } from "../../domain/issuer-rotation.ts";
import type { IssuerRotation, IssuerRotationStatus, SlotStatus } from "../../rotation/issuers/contract.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import type { IssuerRotationResource } from "./issuer-rotation-resource.ts";
import { API_VERSION, listBody } from "./resources.ts";
import { pathParameter, readJsonBody, readQuery } from "./validation.ts";

const MAXIMUM_CHAIN_CHARACTERS = 200_000;
const ENVELOPE = {
  apiVersion: z.literal(API_VERSION, `must be ${API_VERSION} or left out`).optional(),
  kind: z.literal("RotationStep", "must be RotationStep or left out").optional(),
};
const force = z
  .array(z.enum(ROTATION_FORCES, `must be one of ${ROTATION_FORCES.join(", ")}`))
  .max(ROTATION_FORCES.length)
  .default([])
  .describe("What does not keep the step from being taken, on the caller's responsibility.");

/** The body of `POST /v1/configured-issuers/{name}/rotation/prepare`. */
export const preparation = z.strictObject({
  ...ENVELOPE,
  bridge: z.boolean().default(false).describe("The present CA signs the new one's key."),
  chainPem: z
    .string("must be PEM text")
    .min(1, "must not be empty")
    .max(MAXIMUM_CHAIN_CHARACTERS, `must have at most ${MAXIMUM_CHAIN_CHARACTERS} characters`)
    .optional()
    .describe("Of an issuer that is signed elsewhere: its new certificate and every one above it, PEM."),
});

/** The body of `POST …/rotation/activate`. */
export const activation = z.strictObject({ ...ENVELOPE, force });

/** The body of `POST …/rotation/retire`. */
export const retirement = z.strictObject({
  ...ENVELOPE,
  force,
  issuerId: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "must be the id of an issuer")
    .optional()
    .describe("Of one old issuer; all of them without it."),
});

const abandonment = z.strictObject(ENVELOPE);

/** Where the rotation of issuers stands, and its steps. Every step answers with what came of it. */
export function issuerRotationHandlers(
  rotation: IssuerRotation,
): Readonly<Record<"list" | "show" | "prepare" | "activate" | "retire" | "abandon", Handler>> {
  async function answer(call: Call, name: string, requestPem?: string): Promise<void> {
    const status = describe(await rotation.status(name));
    sendJson(call.response, 200, { ...status, ...(requestPem !== undefined && { requestPem }) });
  }

  function begin(call: Call): { readonly name: string; readonly by: string } {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    return { name: pathParameter(call, 1), by: call.user.username };
  }

  return {
    async list(call) {
      negotiate(call.request.headers.accept, [JSON_TYPE]);
      readQuery(z.strictObject({}), call.query);
      sendJson(call.response, 200, listBody("IssuerRotationList", (await rotation.statuses()).map(describe)));
    },
    show: (call) => answer(call, begin(call).name),
    async prepare(call) {
      const { name, by } = begin(call);
      const { bridge, chainPem } = await readJsonBody(call, preparation, "RotationStep");
      const outcome = await rotation.prepare(name, { bridge, chainPem }, by);
      await answer(call, name, outcome.kind === "awaitsCertificate" ? outcome.requestPem : undefined);
    },
    async activate(call) {
      const { name, by } = begin(call);
      const { force: forces } = await readJsonBody(call, activation, "RotationStep");
      await rotation.activate(name, forces, by);
      await answer(call, name);
    },
    async retire(call) {
      const { name, by } = begin(call);
      const { force: forces, issuerId } = await readJsonBody(call, retirement, "RotationStep");
      await rotation.retire(name, issuerId, forces, by);
      await answer(call, name);
    },
    async abandon(call) {
      const { name, by } = begin(call);
      await readJsonBody(call, abandonment, "RotationStep");
      await rotation.abandon(name, by);
      await answer(call, name);
    },
  };
}

function describe({
  name,
  phase,
  summary,
  moved,
  trust,
  slots,
  refusal,
}: IssuerRotationStatus): IssuerRotationResource {
  return {
    apiVersion: API_VERSION,
    kind: "IssuerRotation",
    name,
    phase,
    summary,
    nodeCertificates: { onActive: moved.count, total: moved.of },
    ...(trust && {
      trust: {
        shown: trust.shown,
        total: trust.total,
        missing: [...trust.missing],
        ...(trust.isGiven && { given: trust.isGiven }),
      },
    }),
    slots: slots.map(describeSlot),
    ...(refusal !== undefined && { refusal }),
  };
}

function describeSlot({ notBefore, notAfter, createdAt, lastEnds, isBridged, ...slot }: SlotStatus) {
  const { id, commonName, keyAlgorithm, liveCertificates, nodeCertificates, inTheWay } = slot;
  return {
    ...{ id, slot: slot.slot, commonName, keyAlgorithm },
    ...{ liveCertificates, nodeCertificates, blockingCertificates: inTheWay },
    ...(lastEnds && { lastBlockingEnds: toKubernetesTime(lastEnds) }),
    bridged: isBridged,
    notBefore: toKubernetesTime(notBefore),
    notAfter: toKubernetesTime(notAfter),
    createdAt: toKubernetesTime(createdAt),
  };
}
