import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "zod";
import type { Clock } from "../../../shared/clock.ts";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../../shared/status-error.ts";
import {
  type HeldCertificate,
  type Holding,
  holdingOf,
  linkCertificates,
  type NodeInventory,
  worstState,
} from "../../domain/inventory.ts";
import type { Certificates } from "../../domain/ports.ts";
import type { RevocationLookups } from "../../domain/revocation.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { describeCertificate } from "./certificates.ts";
import type { NodeResource } from "./node-resources.ts";
import { API_VERSION, listBody } from "./resources.ts";
import { pathParameter, readQuery } from "./validation.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
/** Nodes looked at in one turn of the event loop: a few milliseconds. */
const WINDOW = 100;
/** Certificates of one node that are shown; kubelets get some dozens a year. */
const SHOWN_CERTIFICATES = 200;

const name = z.string().min(1, "must not be empty; leave the parameter out to ask for all");

/** What `GET /v1/nodes` can be asked. */
export const nodeListQuery = z.strictObject({
  state: z
    .enum(["fresh", "due", "overdue", "lost"], { error: "must be fresh, due, overdue or lost" })
    .optional()
    .describe("Only nodes in this state."),
  quarantined: z
    .enum(["true", "false"], { error: "must be true or false" })
    .optional()
    .describe("Only nodes that are quarantined, or are not."),
  limit: z
    .string()
    .refine(
      (text) => /^[1-9]\d{0,3}$/.test(text) && Number(text) <= MAX_LIMIT,
      `must be a whole number from 1 to ${MAX_LIMIT}`,
    )
    .optional()
    .meta({ type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })
    .describe("How many to answer at most."),
  continue: name.optional().describe("metadata.continue of the page before."),
});

export interface NodeDependencies {
  readonly nodes: NodeInventory;
  readonly certificates: Pick<Certificates, "find">;
  readonly quarantine: Pick<RevocationLookups, "isQuarantined">;
  readonly clock: Clock;
}

export function nodeHandlers({ nodes, certificates, quarantine, clock }: NodeDependencies): {
  readonly list: Handler;
  readonly show: Handler;
} {
  function describe(nodeName: string, now: Date): NodeResource {
    const holdings = nodes.newestOf(nodeName).map((newest) => holdingOf(newest, now));
    return {
      apiVersion: API_VERSION,
      kind: "Node",
      name: nodeName,
      state: worstState(holdings),
      quarantined: quarantine.isQuarantined(nodeName),
      holdings: holdings.map(describeHolding),
    };
  }

  async function list(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const query = readQuery(nodeListQuery, call.query);
    const limit = Number(query.limit ?? DEFAULT_LIMIT);
    const now = clock.now();
    const items: NodeResource[] = [];
    let last = query.continue === undefined ? "" : decodeToken(query.continue);
    for (; ; await nextTurn()) {
      const names = nodes.namesAfter(last, WINDOW);
      for (const nodeName of names) {
        const node = describe(nodeName, now);
        const isWanted = matches(node, query);
        if (isWanted && items.length === limit) return sendPage(call, items, encodeToken(last));
        if (isWanted) items.push(node);
        last = nodeName;
      }
      if (names.length < WINDOW) return sendPage(call, items, undefined);
    }
  }

  async function show(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const nodeName = pathParameter(call, 1);
    const now = clock.now();
    const node = describe(nodeName, now);
    if (node.holdings.length === 0 && !node.quarantined) throw noSuchNode(nodeName);
    const page = await certificates.find({ nodeName, limit: SHOWN_CERTIFICATES });
    const held = linkCertificates(page.items, now).map((each) => describeHeld(each, now));
    const hasMoreCertificates = page.continueToken !== undefined;
    sendJson(call.response, 200, { ...node, certificates: held, hasMoreCertificates } satisfies NodeResource);
  }

  return { list, show };
}

function matches(node: NodeResource, { state, quarantined }: z.output<typeof nodeListQuery>): boolean {
  return (
    (state === undefined || node.state === state) &&
    (quarantined === undefined || node.quarantined === (quarantined === "true"))
  );
}

function sendPage(call: Call, items: readonly NodeResource[], continueToken: string | undefined): void {
  sendJson(call.response, 200, listBody("NodeList", items, continueToken));
}

function describeHolding({
  signerName,
  newest,
  state,
  renewal,
  renewsItself,
}: Holding): NodeResource["holdings"][number] {
  return {
    signerName,
    state,
    serial: newest.serial,
    fingerprint: newest.fingerprint,
    notBefore: toKubernetesTime(newest.notBefore),
    notAfter: toKubernetesTime(newest.notAfter),
    renewal: { begins: toKubernetesTime(renewal.begins), ends: toKubernetesTime(renewal.ends) },
    renewsItself,
  };
}

function describeHeld({ certificate, successors, replacedAt, isLate }: HeldCertificate, now: Date) {
  return {
    ...describeCertificate(certificate, now),
    replacedBy: [...successors],
    ...(replacedAt && { replacedAt: toKubernetesTime(replacedAt) }),
    renewedLate: isLate,
  };
}

function noSuchNode(nodeName: string): StatusError {
  const details = { kind: "nodes", name: nodeName };
  return new StatusError("NotFound", `no certificate of node ${JSON.stringify(nodeName)} is on record`, { details });
}

function encodeToken(nodeName: string): string {
  return Buffer.from(JSON.stringify([nodeName])).toString("base64url");
}

/** @throws {StatusError} BadRequest when `token` is none of ours. */
function decodeToken(token: string): string {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(parts) && parts.length === 1 && typeof parts[0] === "string") return parts[0];
  } catch {
    // Answered below, as any other token that is not ours.
  }
  throw new StatusError("BadRequest", "continue token is not valid");
}
