import type { Status } from "../../../shared/status-error.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import { blotText } from "./blot.ts";
import type { AuditedAttributes, AuditLevel, AuditStage } from "./policy.ts";

/** Source: kubernetes staging/src/k8s.io/apiserver/pkg/audit/request.go (maybeTruncateUserAgent). */
const MAX_USER_AGENT = 1024;

/** What a request is about, with its API version. */
export interface AuditedRequest extends AuditedAttributes {
  readonly apiVersion: string;
}

/** What of an event is known when the request comes in. */
export interface RequestFacts {
  readonly auditId: string;
  readonly requestUri: string;
  readonly userAgent: string | undefined;
  /** The nearest last. */
  readonly sourceIps: readonly string[];
  readonly user: UserInfo | undefined;
  readonly request: AuditedRequest;
}

/** What came to be known since, and what differs from stage to stage. */
export interface EventProgress {
  readonly stage: AuditStage;
  readonly impersonatedUser: UserInfo | undefined;
  /** The object's name when the URL did not tell it. */
  readonly objectName: string;
  readonly responseStatus: Partial<Status> | undefined;
  /** JSON texts, free of secrets. */
  readonly requestObject: string | undefined;
  readonly responseObject: string | undefined;
  /** RFC 3339 with microseconds. */
  readonly receivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

// Events are written for every request, so each line is put together from pieces that need no escaping and texts that
// get it; what is the same in every stage is made once.

/** What every event of one request has between its stage and what may change later. */
export function eventHead(facts: RequestFacts): string {
  const { auditId, requestUri, user, request } = facts;
  return (
    `","requestURI":${JSON.stringify(blotText(requestUri))},"verb":${JSON.stringify(request.verb)}` +
    `,"user":${userJson(user)},"auditID":${JSON.stringify(auditId)}`
  );
}

/**
 * One event of `audit.k8s.io/v1` as a line of JSON without its line break.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go (Event).
 */
export function eventLine(level: AuditLevel, head: string, facts: RequestFacts, progress: EventProgress): string {
  const { stage, impersonatedUser, responseStatus, requestObject, responseObject, annotations } = progress;
  let line = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"${level}","stage":"${stage}${head}`;
  if (impersonatedUser !== undefined) line += `,"impersonatedUser":${userJson(impersonatedUser)}`;
  if (facts.sourceIps.length > 0) line += `,"sourceIPs":["${facts.sourceIps.join('","')}"]`;
  if (facts.userAgent) line += `,"userAgent":${JSON.stringify(blotText(shortened(facts.userAgent)))}`;
  if (facts.request.isResource) line += `,"objectRef":${objectRef(facts.request, progress.objectName)}`;
  if (responseStatus !== undefined) line += `,"responseStatus":${statusJson(responseStatus)}`;
  if (requestObject !== undefined) line += `,"requestObject":${requestObject}`;
  if (responseObject !== undefined) line += `,"responseObject":${responseObject}`;
  line += `,"requestReceivedTimestamp":"${progress.receivedTimestamp}","stageTimestamp":"${progress.stageTimestamp}"`;
  if (annotations !== undefined) line += `,"annotations":${blotText(JSON.stringify(annotations))}`;
  return `${line}}`;
}

function shortened(userAgent: string): string {
  return userAgent.length > MAX_USER_AGENT ? `${userAgent.slice(0, MAX_USER_AGENT)}...TRUNCATED` : userAgent;
}

function userJson(user: UserInfo | undefined): string {
  if (user === undefined) return "{}";
  const { username, uid, groups, extra } = user;
  const hasExtra = Object.keys(extra).length > 0;
  return JSON.stringify({ username, ...(uid !== "" && { uid }), groups, ...(hasExtra && { extra }) });
}

function objectRef({ resource, namespace, name, apiGroup, apiVersion, subresource }: AuditedRequest, named: string) {
  return JSON.stringify({
    resource,
    ...(namespace !== "" && { namespace }),
    ...((name !== "" || named !== "") && { name: name || named }),
    ...(apiGroup !== "" && { apiGroup }),
    apiVersion,
    ...(subresource !== "" && { subresource }),
  });
}

function statusJson({ status, message, reason, details, code }: Partial<Status>): string {
  if (status === undefined) return `{"metadata":{},"code":${code}}`;
  return blotText(JSON.stringify({ metadata: {}, status, message, reason, details, code }));
}
