import { createClient, createConfig, formDataBodySerializer } from "../../../target/clients/hey-api/client";
import * as api from "../../../target/clients/hey-api";

export function client(baseUrl: string) {
  // The value of the header as a whole: the scheme is `JWT`.
  const options = (token?: string) => ({
    client: createClient(createConfig({ baseUrl, ...(token && { auth: `JWT ${token}` }) })),
    throwOnError: true as const,
  });

  return {
    async signUp(email: string, password: string) {
      const { error, response } = await api.createUser({
        ...options(),
        throwOnError: false,
        body: { email, password },
      });
      if (error === undefined) {
        return [];
      }
      if (response?.status === 400 && "email" in error) {
        return error.email ?? [];
      }
      throw new Error(JSON.stringify(error));
    },

    async logIn(login: string, password: string) {
      return (await api.obtainToken({ ...options(), body: { login, password } })).data.token;
    },

    async getProfile(token: string) {
      return (await api.getProfile(options(token))).data;
    },

    async rename(token: string, first_name: string | null) {
      return (await api.updateProfile({ ...options(token), body: { first_name } })).data;
    },

    async upload(token: string, avatar: File) {
      const { data } = await api.updateProfile({
        ...options(token),
        ...formDataBodySerializer,
        // The parameter has the type of the JSON, and the default of the header is its type.
        body: { avatar } as object,
        headers: { "Content-Type": null },
      });
      return data;
    },

    async removeAvatar(token: string) {
      return (await api.updateProfile({ ...options(token), body: { avatar: null } })).data;
    },
  };
}
