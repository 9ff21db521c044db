import { META } from "./meta-schemas.ts";
import { flag, list, mapOf, object, reference, type Schema, type Schemas, TYPE_FIELDS, text } from "./schema.ts";

const AUTHORIZATION = "io.k8s.api.authorization.v1.";
const AUTHENTICATION = "io.k8s.api.authentication.";
const AUTHORIZATION_GROUP = "authorization.k8s.io";
const AUTHENTICATION_GROUP = "authentication.k8s.io";

const strings = (description: string): Schema => list({ type: "string" }, description);

/** A review: the caller fills in `spec`, the answer has `status`. Reviews are not stored. */
function review(kind: string, description: string, fields: Schemas, required: readonly string[]): Schemas {
  const kinds = [{ group: AUTHORIZATION_GROUP, version: "v1", kind }];
  const metadata = reference(META.objectMeta, "Not used: reviews are not stored.");
  return { [`${AUTHORIZATION}${kind}`]: object(description, { ...TYPE_FIELDS, metadata, ...fields }, required, kinds) };
}

const accessStatus = reference(`${AUTHORIZATION}SubjectAccessReviewStatus`, "The answer.");

const QUESTION: Schemas = {
  resourceAttributes: reference(`${AUTHORIZATION}ResourceAttributes`, "A question about objects of an API."),
  nonResourceAttributes: reference(
    `${AUTHORIZATION}NonResourceAttributes`,
    "A question about a path, such as /metrics.",
  ),
};

function selectorAttributes(name: string, what: string): Schemas {
  const requirement = `io.k8s.apimachinery.pkg.apis.meta.v1.${what}SelectorRequirement`;
  return {
    [`${AUTHORIZATION}${name}`]: object("Narrows a question to some of the objects. Rules here do not look at it.", {
      rawSelector: text("The selector as a query parameter would carry it."),
      requirements: list(reference(requirement), "The selector in parts, all of which hold."),
    }),
    [requirement]: object(
      "One condition of a selector.",
      {
        key: text("What is compared."),
        operator: text("In, NotIn, Exists or DoesNotExist."),
        values: strings("What it is compared with; empty for Exists and DoesNotExist."),
      },
      ["key", "operator"],
    ),
  };
}

const ACCESS_REVIEW_SCHEMAS: Schemas = {
  ...review(
    "SelfSubjectAccessReview",
    "Asks whether the caller may do something.",
    { spec: reference(`${AUTHORIZATION}SelfSubjectAccessReviewSpec`, "The question."), status: accessStatus },
    ["spec"],
  ),
  ...review(
    "SubjectAccessReview",
    "Asks whether a user may do something.",
    { spec: reference(`${AUTHORIZATION}SubjectAccessReviewSpec`, "The question."), status: accessStatus },
    ["spec"],
  ),
  [`${AUTHORIZATION}SelfSubjectAccessReviewSpec`]: object(
    "What the caller wants to do. Exactly one of the two is set.",
    QUESTION,
  ),
  [`${AUTHORIZATION}SubjectAccessReviewSpec`]: object(
    "Who wants to do what. Exactly one of the two questions is set.",
    {
      ...QUESTION,
      user: text("Name of the user; with groups but no name, the groups are asked about."),
      uid: text("Identity of the user."),
      groups: strings("Groups of the user."),
      extra: mapOf({ type: "array", items: { type: "string" } }, "Further attributes of the user."),
    },
  ),
  [`${AUTHORIZATION}SubjectAccessReviewStatus`]: object(
    "Whether it is allowed.",
    {
      allowed: flag("Whether a rule allows it."),
      denied: flag("Whether it is forbidden whatever other rules may say."),
      reason: text("The rule that decided, for people."),
      evaluationError: text("What could not be evaluated; the answer may hold nevertheless."),
    },
    ["allowed"],
  ),
  [`${AUTHORIZATION}ResourceAttributes`]: object("Something to do with objects of an API.", {
    verb: text(
      "get, list, watch, create, update, patch, delete, deletecollection, or another such as approve; * is every one.",
    ),
    group: text("API group; * is every one."),
    version: text("API version; * is every one."),
    resource: text("Plural name of the resource; * is every one."),
    subresource: text("Subresource, such as approval."),
    name: text("Name of the object; empty is every one."),
    namespace: text("Namespace of the object; empty for resources that have none."),
    fieldSelector: reference(`${AUTHORIZATION}FieldSelectorAttributes`, "Narrows the question by fields."),
    labelSelector: reference(`${AUTHORIZATION}LabelSelectorAttributes`, "Narrows the question by labels."),
  }),
  [`${AUTHORIZATION}NonResourceAttributes`]: object("Something to do with a path.", {
    path: text("The path of the URL."),
    verb: text("The HTTP method in lower case."),
  }),
  ...selectorAttributes("FieldSelectorAttributes", "Field"),
  ...selectorAttributes("LabelSelectorAttributes", "Label"),
};

const RULES_REVIEW_SCHEMAS: Schemas = {
  ...review(
    "SelfSubjectRulesReview",
    "Asks for everything the caller may do in a namespace, cluster-wide rights included.",
    {
      spec: reference(`${AUTHORIZATION}SelfSubjectRulesReviewSpec`, "The question."),
      status: reference(`${AUTHORIZATION}SubjectRulesReviewStatus`, "The answer."),
    },
    ["spec"],
  ),
  [`${AUTHORIZATION}SelfSubjectRulesReviewSpec`]: object("Where the rights are asked for.", {
    namespace: text("The namespace."),
  }),
  [`${AUTHORIZATION}SubjectRulesReviewStatus`]: object(
    "The caller's rights. The order has no meaning.",
    {
      resourceRules: list(reference(`${AUTHORIZATION}ResourceRule`), "What may be done with objects."),
      nonResourceRules: list(reference(`${AUTHORIZATION}NonResourceRule`), "What may be done with paths."),
      incomplete: flag("Whether some rights may be missing from this answer."),
      evaluationError: text("What could not be evaluated."),
    },
    ["resourceRules", "nonResourceRules", "incomplete"],
  ),
  [`${AUTHORIZATION}ResourceRule`]: object(
    "Allows every one of the verbs on every one of the resources.",
    {
      verbs: strings("What may be done; * is everything."),
      apiGroups: strings("In which API groups; * is every one."),
      resources: strings("With which resources; subresources after a slash; * is every one."),
      resourceNames: strings("With objects of which names; empty is every one."),
    },
    ["verbs"],
  ),
  [`${AUTHORIZATION}NonResourceRule`]: object(
    "Allows every one of the verbs on every one of the paths.",
    {
      verbs: strings("HTTP methods in lower case; * is every one."),
      nonResourceURLs: strings("Paths; a * at the end matches any rest."),
    },
    ["verbs"],
  ),
};

const USER_INFO = `${AUTHENTICATION}v1.UserInfo`;

function selfReviewSchemas(version: string): Schemas {
  const prefix = `${AUTHENTICATION}${version}.`;
  return {
    [`${prefix}SelfSubjectReview`]: object(
      "Asks who the caller is.",
      {
        ...TYPE_FIELDS,
        metadata: reference(META.objectMeta, "Not used: reviews are not stored."),
        status: reference(`${prefix}SelfSubjectReviewStatus`, "The answer."),
      },
      [],
      [{ group: AUTHENTICATION_GROUP, version, kind: "SelfSubjectReview" }],
    ),
    [`${prefix}SelfSubjectReviewStatus`]: object("Who the caller is.", {
      userInfo: reference(USER_INFO, "The user that the request acts as, after impersonation."),
    }),
  };
}

/**
 * Source for names and types: kubernetes staging/src/k8s.io/api/authorization/v1/types.go and
 * staging/src/k8s.io/api/authentication/{v1,v1beta1}/types.go.
 */
export const REVIEW_SCHEMAS: Schemas = {
  ...ACCESS_REVIEW_SCHEMAS,
  ...RULES_REVIEW_SCHEMAS,
  ...selfReviewSchemas("v1"),
  ...selfReviewSchemas("v1beta1"),
  [USER_INFO]: object("A user.", {
    username: text("Name."),
    uid: text("Identity that outlives the name, when there is one."),
    groups: strings("Groups."),
    extra: mapOf({ type: "array", items: { type: "string" } }, "Further attributes, such as the credential in use."),
  }),
};
