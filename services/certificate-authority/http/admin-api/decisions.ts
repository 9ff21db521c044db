import { z } from "zod";
import { StatusError } from "../../../shared/status-error.ts";
import type { ApprovalAdministration } from "../../domain/approval-status.ts";
import type { Authorizer } from "../../domain/authorization.ts";
import type { CertificateRequests, Decisions } from "../../domain/ports.ts";
import type { Issuance } from "../../issuance/contract.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { describeDecision, describeOwnDecision } from "./describe-decision.ts";
import { decisionForbidden } from "./own-decision.ts";
import { listBody } from "./resources.ts";
import { pathParameter, readQuery } from "./validation.ts";

export interface DecisionDependencies {
  readonly decisions: Decisions;
  readonly requests: Pick<CertificateRequests, "get">;
  readonly issuance: Pick<Issuance, "explain">;
  readonly approval: Pick<ApprovalAdministration, "status">;
  /** Asked who may read every decision; others see their own, without what it rests on. */
  readonly authorizer: Authorizer;
}

/**
 * Answers every decision on a request's name, the newest with what would make it another; a request that nobody has
 * judged yet has an empty list, not a 404.
 */
export function decisionHandler(deps: DecisionDependencies): Handler {
  return async (call: Call) => {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const attributes = { kind: "path", verb: "get", path: call.info.path } as const;
    const { allowed } = await deps.authorizer.authorize(call.user, attributes);
    sendJson(call.response, 200, allowed ? await everyDecision(deps, call) : await ownDecisions(deps, call));
  };
}

async function everyDecision({ decisions, requests, issuance, approval }: DecisionDependencies, call: Call) {
  const name = pathParameter(call, 1);
  const records = await decisions.ofRequest(name);
  if (records.length === 0 && (await requests.get(name)) === undefined) throw noSuchRequest(name);
  const newest = records.at(-1);
  const items = records.map((record) =>
    describeDecision(record, record === newest ? issuance.explain(record, approval.status().hooks) : undefined),
  );
  return listBody("DecisionList", items);
}

/** @throws {StatusError} Forbidden when the caller made no request of that name, and when there is none. */
async function ownDecisions({ decisions, requests, issuance, approval }: DecisionDependencies, call: Call) {
  const name = pathParameter(call, 1);
  const { username } = call.user;
  const records = (await decisions.ofRequest(name)).filter(({ requester }) => requester === username);
  if (records.length === 0 && (await requests.get(name))?.spec.username !== username) {
    throw decisionForbidden(call.user, call.info.path);
  }
  const newest = records.at(-1);
  if (newest === undefined) return listBody("DecisionList", []);
  return listBody("DecisionList", [describeOwnDecision(newest, issuance.explain(newest, approval.status().hooks))]);
}

function noSuchRequest(name: string): StatusError {
  return new StatusError("NotFound", `no request "${name}" exists and no decision on one is on record`, {
    details: { kind: "requests", name },
  });
}
