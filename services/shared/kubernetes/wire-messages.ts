/**
 * The messages we exchange, with the field numbers of Kubernetes' `generated.proto` files. One text describes both wire
 * forms: the names are the JSON names. Three message names stand for something else in JSON: `Time` is an RFC 3339
 * string, `ExtraValue` a list of strings, and `ManagedFieldsEntry` is accepted and dropped.
 *
 * Sources: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto and
 * staging/src/k8s.io/api/{core,certificates,authentication,authorization,rbac}/v1/generated.proto.
 */
export const WIRE_MESSAGES = `
syntax = "proto2";

message Time { optional int64 seconds = 1; optional int32 nanos = 2; }
message ExtraValue { repeated string items = 1; }
message ManagedFieldsEntry { optional string manager = 1; }

message OwnerReference {
  optional string kind = 1; optional string name = 3; optional string uid = 4; optional string apiVersion = 5;
  optional bool controller = 6; optional bool blockOwnerDeletion = 7;
}
message ObjectMeta {
  optional string name = 1; optional string generateName = 2; optional string namespace = 3;
  optional string selfLink = 4; optional string uid = 5; optional string resourceVersion = 6;
  optional int64 generation = 7; optional Time creationTimestamp = 8; optional Time deletionTimestamp = 9;
  optional int64 deletionGracePeriodSeconds = 10; map<string, string> labels = 11;
  map<string, string> annotations = 12; repeated OwnerReference ownerReferences = 13;
  repeated string finalizers = 14; repeated ManagedFieldsEntry managedFields = 17;
}
message ListMeta {
  optional string selfLink = 1; optional string resourceVersion = 2; optional string continue = 3;
  optional int64 remainingItemCount = 4;
}
message PartialObjectMetadata { optional ObjectMeta metadata = 1; }
message PartialObjectMetadataList { optional ListMeta metadata = 1; repeated PartialObjectMetadata items = 2; }

message StatusCause { optional string reason = 1; optional string message = 2; optional string field = 3; }
message StatusDetails {
  optional string name = 1; optional string group = 2; optional string kind = 3; repeated StatusCause causes = 4;
  optional int32 retryAfterSeconds = 5; optional string uid = 6;
}
message Status {
  optional ListMeta metadata = 1; optional string status = 2; optional string message = 3;
  optional string reason = 4; optional StatusDetails details = 5; optional int32 code = 6;
}

message Preconditions { optional string uid = 1; optional string resourceVersion = 2; }
message DeleteOptions {
  optional int64 gracePeriodSeconds = 1; optional Preconditions preconditions = 2;
  optional bool orphanDependents = 3; optional string propagationPolicy = 4; repeated string dryRun = 5;
  optional bool ignoreStoreReadErrorWithClusterBreakingPotential = 6;
}

message CertificateSigningRequestSpec {
  optional bytes request = 1; optional string username = 2; optional string uid = 3; repeated string groups = 4;
  repeated string usages = 5; map<string, ExtraValue> extra = 6; optional string signerName = 7;
  optional int32 expirationSeconds = 8;
}
message CertificateSigningRequestCondition {
  optional string type = 1; optional string reason = 2; optional string message = 3;
  optional Time lastUpdateTime = 4; optional Time lastTransitionTime = 5; optional string status = 6;
}
message CertificateSigningRequestStatus {
  repeated CertificateSigningRequestCondition conditions = 1; optional bytes certificate = 2;
}
message CertificateSigningRequest {
  optional ObjectMeta metadata = 1; optional CertificateSigningRequestSpec spec = 2;
  optional CertificateSigningRequestStatus status = 3;
}
message CertificateSigningRequestList {
  optional ListMeta metadata = 1; repeated CertificateSigningRequest items = 2;
}

message PolicyRule {
  repeated string verbs = 1; repeated string apiGroups = 2; repeated string resources = 3;
  repeated string resourceNames = 4; repeated string nonResourceURLs = 5;
}
message LabelSelectorRequirement { optional string key = 1; optional string operator = 2; repeated string values = 3; }
message LabelSelector {
  map<string, string> matchLabels = 1; repeated LabelSelectorRequirement matchExpressions = 2;
}
message AggregationRule { repeated LabelSelector clusterRoleSelectors = 1; }
message ClusterRole {
  optional ObjectMeta metadata = 1; repeated PolicyRule rules = 2; optional AggregationRule aggregationRule = 3;
}
message ClusterRoleList { optional ListMeta metadata = 1; repeated ClusterRole items = 2; }
message Subject {
  optional string kind = 1; optional string apiGroup = 2; optional string name = 3; optional string namespace = 4;
}
message RoleRef { optional string apiGroup = 1; optional string kind = 2; optional string name = 3; }
message ClusterRoleBinding {
  optional ObjectMeta metadata = 1; repeated Subject subjects = 2; optional RoleRef roleRef = 3;
}
message ClusterRoleBindingList { optional ListMeta metadata = 1; repeated ClusterRoleBinding items = 2; }

message Secret {
  optional ObjectMeta metadata = 1; map<string, bytes> data = 2; optional string type = 3;
  map<string, string> stringData = 4; optional bool immutable = 5;
}
message SecretList { optional ListMeta metadata = 1; repeated Secret items = 2; }

message ConfigMap {
  optional ObjectMeta metadata = 1; map<string, string> data = 2; map<string, bytes> binaryData = 3;
  optional bool immutable = 4;
}
message ConfigMapList { optional ListMeta metadata = 1; repeated ConfigMap items = 2; }

message UserInfo {
  optional string username = 1; optional string uid = 2; repeated string groups = 3;
  map<string, ExtraValue> extra = 4;
}
message SelfSubjectReviewStatus { optional UserInfo userInfo = 1; }
message SelfSubjectReview { optional ObjectMeta metadata = 1; optional SelfSubjectReviewStatus status = 2; }

message SelectorRequirement { optional string key = 1; optional string operator = 2; repeated string values = 3; }
message SelectorAttributes { optional string rawSelector = 1; repeated SelectorRequirement requirements = 2; }
message ResourceAttributes {
  optional string namespace = 1; optional string verb = 2; optional string group = 3; optional string version = 4;
  optional string resource = 5; optional string subresource = 6; optional string name = 7;
  optional SelectorAttributes fieldSelector = 8; optional SelectorAttributes labelSelector = 9;
}
message NonResourceAttributes { optional string path = 1; optional string verb = 2; }
message SubjectAccessReviewStatus {
  optional bool allowed = 1; optional string reason = 2; optional string evaluationError = 3;
  optional bool denied = 4;
}
message SubjectAccessReviewSpec {
  optional ResourceAttributes resourceAttributes = 1; optional NonResourceAttributes nonResourceAttributes = 2;
  optional string user = 3; repeated string groups = 4; map<string, ExtraValue> extra = 5; optional string uid = 6;
}
message SubjectAccessReview {
  optional ObjectMeta metadata = 1; optional SubjectAccessReviewSpec spec = 2;
  optional SubjectAccessReviewStatus status = 3;
}
message SelfSubjectAccessReviewSpec {
  optional ResourceAttributes resourceAttributes = 1; optional NonResourceAttributes nonResourceAttributes = 2;
}
message SelfSubjectAccessReview {
  optional ObjectMeta metadata = 1; optional SelfSubjectAccessReviewSpec spec = 2;
  optional SubjectAccessReviewStatus status = 3;
}
message ResourceRule {
  repeated string verbs = 1; repeated string apiGroups = 2; repeated string resources = 3;
  repeated string resourceNames = 4;
}
message NonResourceRule { repeated string verbs = 1; repeated string nonResourceURLs = 2; }
message SubjectRulesReviewStatus {
  repeated ResourceRule resourceRules = 1; repeated NonResourceRule nonResourceRules = 2;
  optional bool incomplete = 3; optional string evaluationError = 4;
}
message SelfSubjectRulesReviewSpec { optional string namespace = 1; }
message SelfSubjectRulesReview {
  optional ObjectMeta metadata = 1; optional SelfSubjectRulesReviewSpec spec = 2;
  optional SubjectRulesReviewStatus status = 3;
}
`;
