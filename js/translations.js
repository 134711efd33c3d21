// Brings the translations of packs back on pages that lose them.
//
// ComfyUI's page takes them from its host (`/i18n`) when it starts. Frontend 1.32.9 then loads the
// user's language in their place, so that nodes of packs stay English; newer ones take them again.

import { api } from "../../scripts/api.js";
import { register } from "./register.js";

const ONE_OF_OURS = "nodeDefs.MotionI2VTrajectoryEditor.display_name";

/** What the page says, by language; undefined where it is not to be found. */
function messagesOfPage() {
  const page = document.getElementById("vue-app")?.__vue_app__;
  return page?._context?.provides?.[page.__VUE_I18N_SYMBOL__]?.global;
}

/** The translations of all packs, by language; none where the host cannot tell. */
async function translationsOfPacks() {
  try {
    const answer = await api.fetchApi("/i18n");
    return answer.ok ? await answer.json() : {};
  } catch {
    return {};
  }
}

/** Adds `translations` to each language of `messages` that lacks them, now and when it is loaded. */
function keep(translations, messages) {
  const bringBack = (language) => {
    if (!translations[language] || messages.te(ONE_OF_OURS, language)) return;
    messages.mergeLocaleMessage(language, translations[language]);
  };
  const load = messages.setLocaleMessage;
  messages.setLocaleMessage = (language, loaded) => {
    load(language, loaded);
    // A page that takes them again by itself does so before this.
    queueMicrotask(() => bringBack(language));
  };
  Object.keys(translations).forEach(bringBack);
}

register({
  name: "motioni2v.Translations",

  /** Before the page translates what its nodes are called. */
  async init() {
    const messages = messagesOfPage();
    if (messages) keep(await translationsOfPacks(), messages);
  },
});
