import { z } from "zod";
import type { Clock } from "../../../shared/clock.ts";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { IssuerRecord } from "../../domain/issuer.ts";
import type { Issuers } from "../../domain/ports.ts";
import { trustAnchors } from "../../domain/trust.ts";
import type { TrustObserver } from "../../rotation/issuers/trust.ts";
import { type Call, type Handler, sendBytes, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate, PEM_TYPE } from "../negotiation.ts";
import { API_VERSION, type IssuerResource, listBody } from "./resources.ts";
import { sendTagged } from "./tagged-answer.ts";
import { pathParameter, readQuery } from "./validation.ts";

export interface IssuerDependencies {
  readonly issuers: Pick<Issuers, "list">;
  /** Told who holds the bundle. */
  readonly trust: Pick<TrustObserver, "holds">;
  readonly clock: Clock;
}

export function issuerHandlers({ issuers, trust, clock }: IssuerDependencies): {
  readonly list: Handler;
  readonly show: Handler;
  readonly trustBundle: Handler;
} {
  async function list(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    sendJson(call.response, 200, listBody("IssuerList", (await issuers.list()).map(describeIssuer)));
  }

  async function show(call: Call): Promise<void> {
    readQuery(z.strictObject({}), call.query);
    const type = negotiate(call.request.headers.accept, [JSON_TYPE, PEM_TYPE]);
    const id = pathParameter(call, 1);
    const record = (await issuers.list()).find((issuer) => issuer.id === id.toLowerCase());
    if (record === undefined) {
      const details = { kind: "issuers", name: id };
      throw new StatusError("NotFound", `no issuer ${id} is on record; /v1/issuers lists them`, { details });
    }
    if (type === PEM_TYPE) return sendBytes(call.response, 200, PEM_TYPE, Buffer.from(trimmedPem(record)));
    sendJson(call.response, 200, describeIssuer(record));
  }

  /**
   * What clients should trust now, in all slots, so that a prepared issuer is trusted before it signs and an old one for as
   * long as its certificates live. Who names the bundle as the one it has is shown to trust what is in it.
   */
  async function trustBundle(call: Call): Promise<void> {
    readQuery(z.strictObject({}), call.query);
    negotiate(call.request.headers.accept, [PEM_TYPE, "text/plain"]);
    const anchors = trustAnchors(await issuers.list(), clock.now());
    const held = sendTagged(call, PEM_TYPE, Buffer.from(anchors.join("")));
    if (held !== undefined) trust.holds(call.user, held, anchors);
  }

  return { list, show, trustBundle };
}

function trimmedPem(issuer: IssuerRecord): string {
  return `${issuer.certificatePem.trim()}\n`;
}

function describeIssuer(record: IssuerRecord): IssuerResource {
  return {
    apiVersion: API_VERSION,
    kind: "Issuer",
    id: record.id,
    name: record.name,
    commonName: record.commonName,
    slot: record.slot,
    origin: record.origin,
    keyAlgorithm: record.keyAlgorithm,
    serial: record.serial,
    notBefore: toKubernetesTime(record.notBefore),
    notAfter: toKubernetesTime(record.notAfter),
    createdAt: toKubernetesTime(record.createdAt),
    ...(record.endedAt && { endedAt: toKubernetesTime(record.endedAt) }),
    certificatePem: trimmedPem(record),
    ...(record.ancestorsPem !== "" && { ancestorsPem: record.ancestorsPem }),
  };
}
