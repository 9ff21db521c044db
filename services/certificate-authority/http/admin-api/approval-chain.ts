import { z } from "zod";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import type { ApprovalAdministration, ApprovalStatus, HookDescription } from "../../domain/approval-status.ts";
import { type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { API_VERSION, type ApprovalChainResource } from "./resources.ts";
import { readQuery } from "./validation.ts";

/** Who decides now, and what has become of the configuration file. */
export function approvalChainHandler(approval: Pick<ApprovalAdministration, "status">): Handler {
  return (call) => {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    sendJson(call.response, 200, describe(approval.status()));
  };
}

function describe({ since, guards, hooks, file }: ApprovalStatus): ApprovalChainResource {
  return {
    apiVersion: API_VERSION,
    kind: "ApprovalChain",
    since: toKubernetesTime(since),
    guards: { ...guards },
    hooks: hooks.map(describeHook),
    ...(file && { configurationFile: describeFile(file) }),
  };
}

function describeHook({
  signers,
  requesters,
  quorum,
  load,
  ...hook
}: HookDescription): ApprovalChainResource["hooks"][number] {
  return {
    ...hook,
    ...(signers && { signers: [...signers] }),
    ...(requesters && { requesters: { users: [...requesters.users], groups: [...requesters.groups] } }),
    ...(quorum !== undefined && { quorum }),
    ...load,
  };
}

function describeFile({
  path,
  problem,
  needsRestart,
}: NonNullable<ApprovalStatus["file"]>): NonNullable<ApprovalChainResource["configurationFile"]> {
  const described = problem && { message: problem.message, since: toKubernetesTime(problem.since) };
  return { path, ...(described && { problem: described }), needsRestart: [...needsRestart] };
}
