/** Who asks; the uid and extra of a review are the webhook's business. */
export interface Requester {
  readonly username: string;
  readonly groups: readonly string[];
}

/** One requirement of a field selector: `In` with one value in a review, `=` where kube-apiserver is asked in process. */
export interface FieldRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values: readonly string[];
}

/**
 * What a SubjectAccessReview asks. Absent strings are empty. A request for a path (`nonResourceAttributes`) has an
 * `isResourceRequest` of false; its path and verb do not matter, since nodes have no right to any path by being nodes.
 */
export interface AccessQuestion {
  /** Undefined: nobody is asking. */
  readonly user: Requester | undefined;
  readonly isResourceRequest: boolean;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** `fieldSelector.requirements`; label selectors and raw selectors never narrow a request. */
  readonly fieldSelector: readonly FieldRequirement[];
}

/**
 * `deny` is the veto for revoked and quarantined credentials only; the rules about nodes never deny, since other
 * authorizers may know more.
 */
export interface AccessVerdict {
  readonly verdict: "allow" | "deny" | "noOpinion";
  /** For the caller; never names another node. Empty for an allow and for what no rule speaks of. */
  readonly reason: string;
}

/** What an AdmissionReview asks. Absent strings are empty; `object` and `oldObject` are the JSON as it came. */
export interface AdmissionQuestion {
  readonly user: Requester | undefined;
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  /** Group and plural of `request.resource`; the version does not matter. */
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  /** Empty for a create that leaves the name to the server, and for each object of a deletecollection. */
  readonly name: string;
  readonly object?: unknown;
  readonly oldObject?: unknown;
}

export interface AdmissionRefusal {
  readonly kind: "refused";
  /** 403 is final for clients; 404 and 500 say that what we know may lag, so they try again. */
  readonly code: 403 | 404 | 500;
  readonly reason: "Forbidden" | "NotFound" | "InternalError";
  readonly message: string;
}

/** The authorizers must be asked, as the same user, before this can be answered. */
export interface AudienceQuestion {
  readonly kind: "askAuthorizer";
  readonly attributes: {
    readonly verb: "request-serviceaccounts-token-audience";
    readonly group: "";
    readonly version: "v1";
    /** The audience; may be empty. */
    readonly resource: string;
    readonly namespace: string;
    /** The service account. */
    readonly name: string;
  };
  /** The answer unless the authorizers allow it. */
  readonly otherwise: AdmissionRefusal;
}

export type AdmissionVerdict = { readonly kind: "allowed" } | AdmissionRefusal | AudienceQuestion;
