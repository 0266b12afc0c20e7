import createClient from "openapi-fetch";

import type { paths } from "../../../target/clients/openapi-fetch";

export function client(baseUrl: string) {
  const api = createClient<paths>({ baseUrl });
  const authorized = (token: string) => ({ headers: { Authorization: `JWT ${token}` } });

  return {
    async signUp(email: string, password: string) {
      const { error, response } = await api.POST("/create_user/", { body: { email, password } });
      if (error === undefined) {
        return [];
      }
      if (response.status === 400 && "email" in error) {
        return error.email ?? [];
      }
      throw new Error(JSON.stringify(error));
    },

    async logIn(login: string, password: string) {
      return unwrap(await api.POST("/obtain_token/", { body: { login, password } })).token;
    },

    async getProfile(token: string) {
      return unwrap(await api.GET("/get_profile/", authorized(token)));
    },

    async rename(token: string, first_name: string | null) {
      return unwrap(await api.PUT("/update_profile/", { body: { first_name }, ...authorized(token) }));
    },

    async upload(token: string, avatar: File) {
      const form = new FormData();
      form.set("avatar", avatar);
      return unwrap(
        await api.PUT("/update_profile/", { body: {}, bodySerializer: () => form, ...authorized(token) }),
      );
    },

    async removeAvatar(token: string) {
      return unwrap(await api.PUT("/update_profile/", { body: { avatar: null }, ...authorized(token) }));
    },
  };
}

function unwrap<Data>({ data, error }: { data?: Data; error?: unknown }): Data {
  if (data === undefined) {
    throw new Error(JSON.stringify(error));
  }
  return data;
}
