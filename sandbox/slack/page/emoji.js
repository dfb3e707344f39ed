// Emoji by their Slack names; a name that is not here stays a word between colons.
import { el } from "./dom.js";

const LIST = `rocket 🚀|tada 🎉|white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|warning ⚠️|
no_entry ⛔|no_entry_sign 🚫|octagonal_sign 🛑|stop_sign 🛑|hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|
alarm_clock ⏰|clock1 🕐|ghost 👻|eyes 👀|eye 👁️|bell 🔔|no_bell 🔕|lock 🔒|unlock 🔓|closed_lock_with_key 🔐|key 🔑|
fire 🔥|sparkles ✨|star ⭐|star2 🌟|zap ⚡|boom 💥|bulb 💡|mag 🔍|mag_right 🔎|memo 📝|pencil ✏️|pencil2 ✏️|clipboard 📋|
package 📦|floppy_disk 💾|cd 💿|file_folder 📁|open_file_folder 📂|card_file_box 🗃️|card_index_dividers 🗂️|file_cabinet 🗄️|
wastebasket 🗑️|chart_with_upwards_trend 📈|chart_with_downwards_trend 📉|bar_chart 📊|calendar 📅|date 📅|spiral_calendar_pad 🗓️|
link 🔗|paperclip 📎|pushpin 📌|round_pushpin 📍|wrench 🔧|hammer 🔨|hammer_and_wrench 🛠️|gear ⚙️|nut_and_bolt 🔩|
test_tube 🧪|microscope 🔬|seedling 🌱|rainbow 🌈|sunny ☀️|cloud ☁️|snowflake ❄️|globe_with_meridians 🌐|earth_africa 🌍|
arrow_right ➡️|arrow_left ⬅️|arrow_up ⬆️|arrow_down ⬇️|arrows_counterclockwise 🔄|repeat 🔁|rewind ⏪|fast_forward ⏩|
arrow_forward ▶️|arrow_backward ◀️|leftwards_arrow_with_hook ↩️|arrow_right_hook ↪️|back 🔙|soon 🔜|
pause_button ⏸️|double_vertical_bar ⏸️|black_square_for_stop ⏹️|twisted_rightwards_arrows 🔀|
large_green_circle 🟢|green_circle 🟢|large_yellow_circle 🟡|large_orange_circle 🟠|red_circle 🔴|large_red_circle 🔴|
large_blue_circle 🔵|blue_circle 🔵|white_circle ⚪|black_circle ⚫|white_large_square ⬜|black_large_square ⬛|
large_green_square 🟩|large_red_square 🟥|large_blue_square 🟦|small_blue_diamond 🔹|small_orange_diamond 🔸|
black_small_square ▪️|white_small_square ▫️|heavy_minus_sign ➖|heavy_plus_sign ➕|heavy_multiplication_x ✖️|
information_source ℹ️|question ❓|grey_question ❔|exclamation ❗|heavy_exclamation_mark ❗|bangbang ‼️|interrobang ⁉️|
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|clap 👏|raised_hands 🙌|pray 🙏|wave 👋|ok_hand 👌|muscle 💪|point_right 👉|
point_left 👈|point_up ☝️|point_down 👇|raised_hand ✋|hand ✋|v ✌️|handshake 🤝|heart ❤️|green_heart 💚|blue_heart 💙|
smile 😄|smiley 😃|grin 😁|joy 😂|slightly_smiling_face 🙂|wink 😉|thinking_face 🤔|sweat_smile 😅|sob 😭|cry 😢|
scream 😱|rage 😡|sunglasses 😎|face_with_monocle 🧐|partying_face 🥳|robot_face 🤖|skull 💀|shrug 🤷|facepalm 🤦|
construction 🚧|rotating_light 🚨|ambulance 🚑|fire_engine 🚒|ship 🚢|airplane ✈️|checkered_flag 🏁|
triangular_flag_on_post 🚩|trophy 🏆|medal 🏅|beers 🍻|coffee ☕|pizza 🍕|gift 🎁|balloon 🎈|new 🆕|ok 🆗|up 🆙|
speech_balloon 💬|thought_balloon 💭|mega 📣|loudspeaker 📢|email 📧|envelope ✉️|inbox_tray 📥|outbox_tray 📤|
newspaper 📰|book 📖|books 📚|scroll 📜|bookmark 🔖|label 🏷️|computer 💻|desktop_computer 🖥️|electric_plug 🔌|
battery 🔋|shield 🛡️|detective 🕵️|busts_in_silhouette 👥|bust_in_silhouette 👤|crown 👑|broom 🧹|adhesive_bandage 🩹|
bug 🐛|beetle 🐞|spider_web 🕸️|turtle 🐢|snail 🐌|rabbit 🐰|dash 💨|wind_blowing_face 🌬️|ice_cube 🧊|dna 🧬|art 🎨|frame_with_picture 🖼️|
camera 📷|movie_camera 🎥|one 1️⃣|two 2️⃣|three 3️⃣|four 4️⃣|five 5️⃣|hash #️⃣|100 💯|copyright ©️|tm ™️|ballot_box 🗳️`;

export const EMOJI = new Map(LIST.split("|").map((pair) => {
  const [name, sign] = pair.trim().split(" ");
  return [name, sign];
}));

export function emoji(name) {
  const sign = EMOJI.get(name.split("::")[0]);
  if (!sign) return document.createTextNode(`:${name}:`);
  return el("span", { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " "), title: `:${name}:` }, sign);
}
