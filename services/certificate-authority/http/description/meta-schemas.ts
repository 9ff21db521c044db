import { flag, integer, list, mapOf, object, reference, type Schemas, TYPE_FIELDS, text } from "./schema.ts";

const PREFIX = "io.k8s.apimachinery.pkg.apis.meta.v1.";

export const META = {
  time: `${PREFIX}Time`,
  objectMeta: `${PREFIX}ObjectMeta`,
  listMeta: `${PREFIX}ListMeta`,
  ownerReference: `${PREFIX}OwnerReference`,
  managedFields: `${PREFIX}ManagedFieldsEntry`,
  fieldsV1: `${PREFIX}FieldsV1`,
  status: `${PREFIX}Status`,
  statusDetails: `${PREFIX}StatusDetails`,
  statusCause: `${PREFIX}StatusCause`,
  deleteOptions: `${PREFIX}DeleteOptions`,
  preconditions: `${PREFIX}Preconditions`,
  patch: `${PREFIX}Patch`,
  resourceList: `${PREFIX}APIResourceList`,
  resource: `${PREFIX}APIResource`,
} as const;

const OBJECT_META = object("What every stored object carries: its name, its identity and who may delete it when.", {
  name: text(
    "Name, unique among the objects of this resource. Chosen by the creator, or made from generateName; it never changes.",
  ),
  generateName: text(
    "Beginning of a name that the server completes with five random characters when name is empty. At most 58 characters of it are used.",
  ),
  namespace: text("Namespace of the object; empty for objects of the cluster."),
  uid: text(
    "Identity of this one object in time: an object created later under the same name has another. Set by the server.",
  ),
  resourceVersion: text(
    "Revision of the last change. Sent with an update, it makes the update fail with 409 when somebody else was faster. Compare for equality only.",
  ),
  generation: integer("int64", "Counts changes of the desired state; not kept by this server."),
  creationTimestamp: reference(META.time, "When the server stored the object."),
  deletionTimestamp: reference(
    META.time,
    "When deletion was asked for; the object stays until its finalizers are gone.",
  ),
  deletionGracePeriodSeconds: integer("int64", "Seconds that were granted when deletion was asked for."),
  labels: mapOf({ type: "string" }, "Short keys and values to select objects by."),
  annotations: mapOf({ type: "string" }, "Keys and values for tools and people; up to 256 KiB in all."),
  finalizers: list(
    { type: "string" },
    "Parties that must agree before a deleted object disappears. Each removes its own entry.",
    {
      "list-type": "set",
      "patch-strategy": "merge",
    },
  ),
  ownerReferences: list(
    reference(META.ownerReference),
    "Objects this one depends on. At most one of them is its controller.",
    {
      "list-type": "map",
      "list-map-keys": ["uid"],
      "patch-merge-key": "uid",
      "patch-strategy": "merge",
    },
  ),
  managedFields: list(
    reference(META.managedFields),
    "Who set which field by server-side apply; accepted and not kept.",
  ),
  selfLink: text("Deprecated and always empty."),
});

const STATUS = object(
  "The outcome of a request, in particular of one that failed.",
  {
    ...TYPE_FIELDS,
    metadata: reference(META.listMeta, "Always empty."),
    status: text("Success or Failure."),
    message: text("What happened, for people. Its wording may change."),
    reason: text("What happened, for programs, in one word such as NotFound or Conflict."),
    details: reference(META.statusDetails, "What the reason is about."),
    code: integer("int32", "The HTTP status code."),
  },
  [],
  [{ group: "", version: "v1", kind: "Status" }],
);

const DELETE_OPTIONS = object(
  "How to delete an object, and on which conditions.",
  {
    ...TYPE_FIELDS,
    dryRun: list({ type: "string" }, "With the one value All, everything is checked and nothing is deleted."),
    gracePeriodSeconds: integer(
      "int64",
      "Seconds to wait before deleting. The resources served here are deleted at once.",
    ),
    orphanDependents: flag("Deprecated in favour of propagationPolicy."),
    preconditions: reference(META.preconditions, "The deletion is refused with 409 unless these hold."),
    propagationPolicy: text(
      "What happens to dependents: Orphan, Background or Foreground. Nothing served here has dependents.",
    ),
  },
  [],
  [
    { group: "", version: "v1", kind: "DeleteOptions" },
    { group: "certificates.k8s.io", version: "v1", kind: "DeleteOptions" },
    { group: "rbac.authorization.k8s.io", version: "v1", kind: "DeleteOptions" },
  ],
);

/** Schemas of `meta.k8s.io/v1`. Source for names and types: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go. */
export const META_SCHEMAS: Schemas = {
  [META.time]: { type: "string", format: "date-time", description: "An instant in RFC 3339, in whole seconds." },
  [META.objectMeta]: OBJECT_META,
  [META.ownerReference]: object(
    "Names an object that this one depends on.",
    {
      apiVersion: text("Group and version of the owner."),
      kind: text("Kind of the owner."),
      name: text("Name of the owner."),
      uid: text("Identity of the owner."),
      controller: flag("Whether the owner is the one that manages this object."),
      blockOwnerDeletion: flag(
        "Whether the owner must wait, when deleted in the foreground, until this reference is gone.",
      ),
    },
    ["apiVersion", "kind", "name", "uid"],
  ),
  [META.managedFields]: object("The fields that one party set by server-side apply.", {
    manager: text("The party."),
    operation: text("Apply or Update."),
    apiVersion: text("Version the fields are written in."),
    time: reference(META.time, "When the entry last changed."),
    fieldsType: text("Always FieldsV1."),
    fieldsV1: reference(META.fieldsV1, "The set of fields."),
    subresource: text("The subresource they were set through."),
  }),
  [META.fieldsV1]: { type: "object", description: "A set of fields as a tree of names." },
  [META.listMeta]: object("What a list says about itself.", {
    resourceVersion: text("Revision the list was read at; a watch may start from it."),
    continue: text("Token by which the next page can be asked for; empty on the last one."),
    remainingItemCount: integer("int64", "How many objects follow this page, when that is known."),
    selfLink: text("Deprecated and always empty."),
  }),
  [META.status]: STATUS,
  [META.statusDetails]: object("What a failure is about.", {
    name: text("Name of the object."),
    group: text("API group of the resource."),
    kind: text("The resource, or the kind when the object's content is at fault."),
    uid: text("Identity of the object."),
    causes: list(reference(META.statusCause), "Every single thing that is wrong."),
    retryAfterSeconds: integer("int32", "How many seconds to wait before another try."),
  }),
  [META.statusCause]: object("One thing that is wrong.", {
    reason: text("What kind of mistake it is, for programs."),
    message: text("What is wrong, for people."),
    field: text("Path of the field at fault, for example spec.usages[0]."),
  }),
  [META.deleteOptions]: DELETE_OPTIONS,
  [META.preconditions]: object("What must be so for a deletion to happen.", {
    uid: text("The object must have this uid."),
    resourceVersion: text("The object must have this resourceVersion."),
  }),
  [META.patch]: {
    type: "object",
    description: "A patch in the form that the request's Content-Type names.",
  },
  [META.resourceList]: object(
    "The resources of one API group and version.",
    {
      ...TYPE_FIELDS,
      groupVersion: text("Group and version they belong to."),
      resources: list(reference(META.resource), "The resources and their subresources."),
    },
    ["groupVersion", "resources"],
    [{ group: "", version: "v1", kind: "APIResourceList" }],
  ),
  [META.resource]: object(
    "One resource or subresource.",
    {
      name: text("Plural name; a subresource follows after a slash."),
      singularName: text("Singular name; empty for subresources."),
      namespaced: flag("Whether its objects belong to namespaces."),
      kind: text("Kind of its objects."),
      group: text("Group of the kind when it differs from the list's."),
      version: text("Version of the kind when it differs from the list's."),
      verbs: list({ type: "string" }, "What can be done with it."),
      shortNames: list({ type: "string" }, "Names for typing."),
      categories: list({ type: "string" }, "Groups of resources it belongs to, such as all."),
    },
    ["name", "singularName", "namespaced", "kind", "verbs"],
  ),
};
