/**
 * Users and their rights, of servers with authentication 2.0 (RocketMQ 5.3.0 and later).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** AUTH_CREATE_USER (3001); the body is a `UserInfo`. */
export const CreateUserRequestHeader = HeaderCodec.makeRequest({
  username: HeaderCodec.text
})
export interface CreateUserRequestHeader extends HeaderCodec.Type<typeof CreateUserRequestHeader> {}

/** AUTH_UPDATE_USER (3002); the body is a `UserInfo`. */
export const UpdateUserRequestHeader = HeaderCodec.makeRequest({
  username: HeaderCodec.text
})
export interface UpdateUserRequestHeader extends HeaderCodec.Type<typeof UpdateUserRequestHeader> {}

/** AUTH_DELETE_USER (3003). */
export const DeleteUserRequestHeader = HeaderCodec.makeRequest({
  username: HeaderCodec.text
})
export interface DeleteUserRequestHeader extends HeaderCodec.Type<typeof DeleteUserRequestHeader> {}

/** AUTH_GET_USER (3004); answered with a `UserInfo`, or with no body. */
export const GetUserRequestHeader = HeaderCodec.makeRequest({
  username: HeaderCodec.text
})
export interface GetUserRequestHeader extends HeaderCodec.Type<typeof GetUserRequestHeader> {}

/** AUTH_LIST_USER (3005); answered with a `UserInfoList`. */
export const ListUsersRequestHeader = HeaderCodec.makeRequest({
  /** Part of the name. */
  filter: HeaderCodec.optional(HeaderCodec.text)
})
export interface ListUsersRequestHeader extends HeaderCodec.Type<typeof ListUsersRequestHeader> {}

/** AUTH_CREATE_ACL (3006); the body is an `AclInfo`. */
export const CreateAclRequestHeader = HeaderCodec.makeRequest({
  /** Such as `User:name`. */
  subject: HeaderCodec.text
})
export interface CreateAclRequestHeader extends HeaderCodec.Type<typeof CreateAclRequestHeader> {}

/** AUTH_UPDATE_ACL (3007); the body is an `AclInfo`. */
export const UpdateAclRequestHeader = HeaderCodec.makeRequest({
  subject: HeaderCodec.text
})
export interface UpdateAclRequestHeader extends HeaderCodec.Type<typeof UpdateAclRequestHeader> {}

/** AUTH_DELETE_ACL (3008). */
export const DeleteAclRequestHeader = HeaderCodec.makeRequest({
  subject: HeaderCodec.text,
  /** `Custom` or `Default`. */
  policyType: HeaderCodec.optional(HeaderCodec.text),
  /** Left out: all that the subject may do. */
  resource: HeaderCodec.optional(HeaderCodec.text)
})
export interface DeleteAclRequestHeader extends HeaderCodec.Type<typeof DeleteAclRequestHeader> {}

/** AUTH_GET_ACL (3009); answered with an `AclInfo`, or with no body. */
export const GetAclRequestHeader = HeaderCodec.makeRequest({
  subject: HeaderCodec.text
})
export interface GetAclRequestHeader extends HeaderCodec.Type<typeof GetAclRequestHeader> {}

/** AUTH_LIST_ACL (3010); answered with an `AclInfoList`. */
export const ListAclsRequestHeader = HeaderCodec.makeRequest({
  subjectFilter: HeaderCodec.optional(HeaderCodec.text),
  resourceFilter: HeaderCodec.optional(HeaderCodec.text)
})
export interface ListAclsRequestHeader extends HeaderCodec.Type<typeof ListAclsRequestHeader> {}
